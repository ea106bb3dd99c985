"""A sampling in shares on the real local SLURM: what is lost is done again, alone."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import small
from helpers.slurm_tasks import PROJECT, wait

from benchmarks.launch import tasks as grid
from benchmarks.launch.stages import execute
from benchmarks.runs.folder import Run
from benchmarks.runs.manifest import Benchmark
from benchmarks.study.identities import sample_run, train_run
from slurm import attempts, queue, records
from slurm.config import ClusterConfig
from slurm.lease import holder
from slurm.status import counts, status
from slurm.submit import Sent, make_folder, submit
from slurm.task import Task, read_failure

N, SHARES = 96, 3  # a part each
THREAD = "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1"
CONFIG = ClusterConfig({"mem_gb": 3.0, "time_min": 60, "setup": (THREAD,), "parallel": 3})
LIMIT_S = 1200


def send(tasks: list[Task], run: Run) -> Sent:
    def prepare(task: Task) -> None:
        run.prepare() if task.name == run.name else make_folder(task)

    return submit(
        tasks,
        home=grid.home(run.root),
        name="shares",
        config=CONFIG.keeping("DREAMTEXT_*"),
        project=PROJECT,
        collect=("python", "-c", ""),
        prepare=prepare,
    )


def made(folder: Path) -> dict[str, bytes]:
    """Everything that sampling is for: lists, pictures, truth, attention."""
    kinds = ("samples.jsonl", "manifest.json", "raw/", "composited/", "truth", "attention")
    return {
        name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and (name := str(path.relative_to(folder))).startswith(kinds)
    }


def starts(task: Task) -> int:
    return sum(line["outcome"] == "started" for line in attempts.read(task.folder))


@pytest.mark.slow
@pytest.mark.slurm
def test_a_lost_share_is_painted_again_alone(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMTEXT_CACHE", str(tmp_path / "cache"))
    config = small.config()
    train = train_run(config, tmp_path / "whole")
    whole = sample_run(config, Benchmark(n=N), train)
    execute(train)
    execute(whole)
    run = replace(whole, root=tmp_path / "runs")
    run.root.mkdir()
    (run.root / train.name).symlink_to(train.folder)

    tasks = grid.tasks_in_shares([run], SHARES)
    *shares, last = tasks
    assert send(tasks, run).count == SHARES + 1
    home = grid.home(run.root)
    ids = records.jobs_of_folders(records.load_all(home))

    def lose(share: Task, how) -> None:
        wait(lambda: holder(share.folder), LIMIT_S, f"for {share.name}")
        how(share)

    lose(shares[1], lambda share: os.kill(holder(share.folder).pid, signal.SIGKILL))
    (waiting,) = status([last], home)
    assert (waiting.state, waiting.detail) == ("queued", "Dependency")
    lose(shares[2], lambda share: queue.cancel([ids[share.folder]]))
    wait(lambda: list(home.glob("collect-*.log")), LIMIT_S, "for the end")
    assert [task.done for task in tasks] == [True, True, False, False]
    assert counts(status(tasks, home)) == {"done": 2, "cancelled": 1, "new": 1}
    assert read_failure(shares[2].folder)["cause"] == "cancelled"
    assert [starts(task) for task in tasks] == [1, 2, 1, 0]

    again = send(tasks, run)
    assert {task.name for sent in again.jobs.values() for task in sent} == {
        shares[2].name,
        last.name,
    }
    wait(lambda: run.state == "done", LIMIT_S, "for the rest")
    assert [starts(task) for task in tasks] == [1, 2, 2, 1]
    assert made(run.folder) == made(whole.folder)
    assert len(made(run.folder)) > 2 * N
    told = run.provenance()["shards"]
    assert [share["job"]["id"].partition("_")[0] for share in told][:2] == [
        ids[share.folder].partition("_")[0] for share in shares[:2]
    ]
