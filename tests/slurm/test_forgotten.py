"""On a cluster that forgets its jobs after ten seconds and keeps no accounts."""

import shutil
import tempfile
from pathlib import Path

import pytest
from helpers.fault_grid import step
from helpers.slurm_tasks import make, send, wait

from slurm import queue, records
from slurm.cluster import down, missing_programs, up
from slurm.status import status
from slurm.task import read_failure


@pytest.fixture
def forgetful(monkeypatch):
    if missing := missing_programs():
        pytest.skip(f"SLURM is not installed: {', '.join(missing)} not found")
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    try:
        cluster = up(folder, quick=False, MinJobAge=10)
        for name, value in cluster.environment().items():
            monkeypatch.setenv(name, value)
        yield cluster
    finally:
        down(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.slurm
def test_what_was_cancelled_by_hand_stays_cancelled(forgetful, tmp_path, project):
    """One while it ran, one while it waited to go on; when they are judged, nobody knows them."""
    names = ("long", "running", "waiting")
    go = tmp_path / "go"
    # A stage each: of one array SLURM forgets no element before the last.
    tasks = {n: make(tmp_path, n, "--wait-for", str(go), stage=n) for n in names}
    send(list(tasks.values()), tmp_path, project=project, collect=("python", "-c", ""))
    sent = records.jobs_of_folders(records.load_all(tmp_path / "launch"))
    ids = {name: sent[task.folder] for name, task in tasks.items()}
    wait(lambda: all(step(task) >= 3 for task in tasks.values()), 120)
    queue.run(["scancel", "--signal=USR2", ids["waiting"]])
    queue.cancel([ids["running"]])
    wait(lambda: queue.mine()[ids["waiting"]].state == "PENDING", 120)
    queue.cancel([ids["waiting"]])
    wait(lambda: not {ids["running"], ids["waiting"]} & set(queue.mine()), 300)
    assert not tasks["long"].done
    go.touch()
    wait(lambda: list((tmp_path / "launch").glob("collect-*.log")), 300)
    assert tasks["long"].done
    for name in ("running", "waiting"):
        assert read_failure(tasks[name].folder)["cause"] == "cancelled"
    assert len(records.load_all(tmp_path / "launch")) == 1
    states = {s.task.name: s.state for s in status(list(tasks.values()), tmp_path / "launch")}
    assert states == {"long": "done", "running": "cancelled", "waiting": "cancelled"}
    again = send(list(tasks.values()), tmp_path, project=project)
    assert again.count == 2
