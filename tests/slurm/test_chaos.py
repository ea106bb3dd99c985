"""Real trainings through a bad night: preempted twenty times, a node lost, the controller and the
submitter killed. They end with the weights of a training that nobody disturbed."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import small
from helpers.slurm_tasks import PROJECT, alive, ends_after, wait
from safetensors.torch import load_file

from benchmarks.launch import tasks as grid
from benchmarks.runs.folder import Run
from benchmarks.study.identities import train_run
from slurm import attempts, queue, records
from slurm.cluster import Cluster
from slurm.config import ClusterConfig
from slurm.lease import read_lease
from slurm.progress import LOG, tail
from slurm.submit import submit

PREEMPTIONS, STEPS = 20, 500
THREAD = "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1"
CONFIG = ClusterConfig({"mem_gb": 3.0, "time_min": 120, "setup": (THREAD,), "parallel": 2})
LIMIT_S = 1800


def planned(root: Path) -> list[Run]:
    overrides = (f"training.steps={STEPS}", "training.validate_every=1000")
    more = ("training.checkpoint_every=20",)
    return [train_run(small.config(*overrides, *more, f"seed={k}"), root) for k in range(2)]


def send(runs: list[Run]) -> int:
    by_name = {run.name: run for run in runs}
    sent = submit(
        grid.tasks(runs),
        home=grid.home(runs[0].root),
        name="chaos",
        config=CONFIG.keeping("DREAMTEXT_*"),
        project=PROJECT,
        collect=("python", "-c", ""),
        prepare=lambda task: by_name[task.name].prepare(),
    )
    return sent.count


def step(run: Run) -> int:
    return max((line["step"] for line in tail(run.folder / LOG)), default=0)


def disturb(cluster: Cluster, runs: list[Run], chance: random.Random) -> None:
    """Claims of a higher partition at random moments; between them a power cut and a restart."""
    ids = records.jobs_of_folders(records.load_all(grid.home(runs[0].root)))

    def at_work(run: Run) -> str:
        """The node of a run that trains, once it has come a little further than it was."""
        begun = step(run) + chance.randrange(1, 15)
        wait(lambda: step(run) >= begun or run.state == "done", LIMIT_S, f"for {run.title}")
        assert run.state != "done", "it was done before it was disturbed often enough"
        return queue.mine()[ids[str(run.folder)]].nodes

    for number in range(PREEMPTIONS):
        run = runs[number % len(runs)]
        node = at_work(run)
        cluster.run("sbatch", "-p", "high", "-w", node, "-c8", "-o/dev/null", "--wrap=sleep 1")
        if number == 5:
            cluster.stop_controller()
            time.sleep(1)
            cluster.start_controller()
        if number == 10:
            node, job = at_work(runs[1 - number % 2]), read_lease(runs[1 - number % 2].folder).job
            cluster.stop_node(node)
            cluster.kill_job(job)
            wait(lambda: node not in {j.nodes for j in alive()}, LIMIT_S, "for the node's loss")  # noqa: B023
            cluster.start_node(node)


@pytest.mark.slow
@pytest.mark.slurm
def test_trainings_end_as_if_nothing_had_happened(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMTEXT_CACHE", str(tmp_path / "cache"))
    runs, whole = planned(tmp_path / "runs"), planned(tmp_path / "whole")
    assert ends_after(14, lambda: send(runs))  # in the middle of it
    assert send(runs) in (0, 2)
    disturb(cluster, runs, random.Random(7))
    wait(lambda: list(grid.home(runs[0].root).glob("collect-*.log")), LIMIT_S, "for the end")
    for run, alone in zip(runs, whole, strict=True):
        assert run.state == "done"
        lines = [line["step"] for line in run.log() if "total" in line]
        assert lines == list(range(1, STEPS + 1))  # each once
        history = attempts.read(run.folder)
        assert sum(line["outcome"] == "started" for line in history) > PREEMPTIONS // 2
        assert not any(line["outcome"] == "failed" for line in history)
        alone.prepare()
        command = [sys.executable, "-m", "benchmarks.launch.stages", str(alone.folder)]
        one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        subprocess.run(command, cwd=PROJECT, env=os.environ | one, check=True)
        weights = [load_file(each.model / "model.safetensors") for each in (run, alone)]
        assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
