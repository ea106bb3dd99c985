"""What a run's folder says, and what is believed of it."""

import json
import subprocess
from pathlib import Path

import pytest
from helpers import small

from benchmarks.cells.reader import default_store
from benchmarks.runs import provenance
from benchmarks.runs.folder import SPEC, Run, default_root, load
from benchmarks.runs.work import working
from benchmarks.study.identities import train_run
from dreamtext.data import cache
from dreamtext.errors import Interrupted, RunError, UserError
from dreamtext.files import write_json
from slurm import snapshot
from slurm.task import DONE, read_failure


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return train_run(small.config(), tmp_path)


def test_a_place_that_is_set_to_nothing_is_the_default_one(monkeypatch):
    """`export DREAMTEXT_CACHE=` must not fill the folder that one stands in."""
    for name in ("DREAMTEXT_CACHE", "DREAMTEXT_RUNS", "DREAMTEXT_CELLS"):
        monkeypatch.setenv(name, "")
    assert cache.root() == Path.home() / ".cache" / "dreamtext"
    assert default_root() == Path("runs")
    assert default_store() == Path("results/cells")


def test_settings_that_are_no_identity_are_as_asked_for_last(run, tmp_path):
    run.prepare()
    corrected = train_run(small.config("data.root=/elsewhere", "training.data_workers=3"), tmp_path)
    assert corrected.name == run.name
    corrected.prepare()
    assert load(run.folder).settings["config"]["data"]["root"] == "/elsewhere"
    assert load(run.folder).settings["config"]["training"]["data_workers"] == 3


def test_settings_of_a_run_that_is_done_stay_what_it_was_done_with(run, tmp_path):
    run.prepare()
    finish(run)
    train_run(small.config("data.root=/elsewhere"), tmp_path).prepare()
    assert load(run.folder).settings == json.loads(json.dumps(run.settings))


def test_run_of_another_configuration_is_refused(run):
    run.prepare()
    spec = json.loads((run.folder / SPEC).read_text())
    (run.folder / SPEC).write_text(json.dumps(spec | {"identity": {"seed": 99}}))
    with pytest.raises(RunError, match="another configuration"):
        run.prepare()


def test_damaged_spec_is_written_anew(run):
    run.prepare()
    (run.folder / SPEC).write_text("{")
    run.prepare()
    assert load(run.folder).identity == json.loads(json.dumps(run.identity))


def finish(run: Run) -> None:
    (run.folder / "model").mkdir()
    (run.folder / "model" / "model.safetensors").write_bytes(b"x")
    (run.folder / DONE).write_text("{}")


def test_done_needs_its_word_and_what_was_made(run):
    run.prepare()
    finish(run)
    assert run.state == "done"
    (run.folder / DONE).write_text("")  # as a power cut may leave it
    assert run.state == "started"
    (run.folder / DONE).write_text("{}")
    (run.folder / "model" / "model.safetensors").unlink()
    assert run.state == "started"


def test_misuse_is_final_and_a_failure_is_not(run):
    for error, final in ((UserError("no such data set"), True), (RunError("nan"), False)):
        with pytest.raises(type(error)), working(run):
            raise error
        assert read_failure(run.folder)["final"] is final


def test_provenance_in_a_snapshot_is_that_of_the_checkout_when_it_was_taken(
    run, tmp_path, monkeypatch
):
    project = tmp_path / "project"
    (project / "benchmarks" / "runs").mkdir(parents=True)
    (project / "a.py").write_text("A = 1\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    revision = git(project, "rev-parse", "HEAD").strip()
    (project / "a.py").write_text("A = 2\n")
    (project / "new.py").write_text("")
    copy = snapshot.take(project, tmp_path / "store")
    git(project, "add", ".")
    git(project, "commit", "-qm", "after submission")
    monkeypatch.setattr(provenance, "__file__", str(copy / "benchmarks" / "runs" / "x.py"))
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURMD_NODENAME", "n3")
    found = provenance.collect(run)
    assert found["git"]["revision"] == revision
    assert not found["git"]["clean"]
    assert "+A = 2" in found["git"]["diff"]
    assert found["git"]["untracked"] == ["new.py"]
    assert found["git"]["snapshot"] == copy.name
    assert (found["job"]["id"], found["job"]["ranks"], found["job"]["node"]) == ("7", 2, "n3")


def git(folder: Path, *words: str) -> str:
    somebody = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    command = ["git", *somebody, *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_whoever_was_overtaken_writes_nothing_more(run):
    """The lease is asked before every write: log, checkpoint, model, failure and the last word."""
    import torch

    from dreamtext.training.log import Log
    from dreamtext.weights.checkpoints import save_checkpoint

    with pytest.raises(Interrupted, match="has taken the run over"), working(run):  # noqa: PT012
        Log(run.folder).append({"step": 1})
        overtake(run.folder)
        before = sorted(run.folder.rglob("*"))
        with pytest.raises(Interrupted):
            Log(run.folder).append({"step": 2})
        with pytest.raises(Interrupted):
            save_checkpoint(run.folder / "checkpoints", 2, {"model": {"a": torch.ones(1)}}, [])
        with pytest.raises(Interrupted):
            write_json(run.folder / "scores.json", [])
    assert sorted(run.folder.rglob("*")) == before
    assert (run.folder / "log.jsonl").read_text().splitlines() == ['{"step": 1}']
    assert run.state == "started"
    with pytest.raises(Interrupted), working(run):  # noqa: PT012
        overtake(run.folder)
        raise RunError("of whoever was overtaken")
    assert run.state == "started"


def overtake(folder: Path) -> None:
    """As another process does that finds the lease silent for too long."""
    newest = max(folder.glob("lease-*.json"))
    number = int(newest.stem.partition("-")[2])
    values = json.loads(newest.read_text()) | {"token": "another", "released": True}
    (folder / f"lease-{number + 1:06d}.json").write_text(json.dumps(values))
