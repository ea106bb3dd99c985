"""A whole study on the real local SLURM: one command to the report, and training in two tasks."""

import csv
import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.launch import tasks as grid
from benchmarks.runs.folder import Run
from benchmarks.study import Study, load_study
from slurm import attempts, queue
from slurm.config import ClusterConfig
from slurm.submit import submit

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 1800.0  # that a command or a grid may take, on a busy machine
N, WHERE = 8, (("task", "editing"), ("variant", "none|full"))
QUICK = (
    "data.train_size=64",
    "model.unet.widths=[16,32]",
    "model.glyph.pretrain_steps=2",
    "training.steps=4",
    "training.log_every=1",
    "sampling.steps=2",
)
# One thread each, and so much memory that no node takes two at once: four nodes, four runs.
THREAD = "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1"
REQUEST = {
    "mem_gb": 3.0,
    "parallel": 4,
    "time_min": 240,
    "setup": (THREAD,),
    "keep_environment": ("DREAMTEXT_CACHE",),
}


def study() -> Study:
    return load_study("supervision").narrowed(
        preset="smoke", seeds=range(1), n=N, overrides=QUICK, where=dict(WHERE)
    )


def send(root: Path) -> str:
    """The one command, with the options that make it quick; returns what it says."""
    asked = [f"{key}={json.dumps(value)}" for key, value in REQUEST.items()]
    command = ["study", "submit", "supervision", "--preset", "smoke", "--seeds", "1"]
    command += ["--n", str(N)]
    command += [word for key, value in WHERE for word in ("--where", f"{key}={value}")]
    command += [word for text in QUICK for word in ("--set", text)]
    command += [word for text in asked for word in ("--ask", text)]
    command += ["--runs", str(root / "runs"), "--out", str(root / "report")]
    return dreamtext(root, *command)


def dreamtext(root: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cli", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for_the_queue() -> None:
    deadline = time.monotonic() + LIMIT_S
    while any(job.alive for job in queue.mine().values()):
        assert time.monotonic() < deadline, f"the queue is not empty after {LIMIT_S:g} s"
        time.sleep(0.5)


def output(runs: list[Run]) -> str:
    """What runs that are not done have printed, for a failed test to show."""
    logs = [run.folder / "output.log" for run in runs if run.state != "done"]
    return "\n".join(log.read_text()[-2000:] for log in logs if log.exists())


def logged(run: Run) -> list[dict]:
    lines = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "total" in line]


@pytest.fixture(scope="module")
def finished(running_cluster, tmp_path_factory):
    """Root folder and distinct runs of the study, after one command and the last of its jobs."""
    root = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running_cluster.environment().items():
            patch.setenv(name, value)
        patch.setenv("DREAMTEXT_CACHE", str(root / "cache"))
        said = send(root)
        wait_for_the_queue()
        runs = grid.distinct_runs(study().cells(root / "runs"))
        assert all(run.state == "done" for run in runs), said + output(runs)
        yield root, runs


def test_one_command_ends_in_the_report(finished):
    root, runs = finished
    assert [run.stage for run in runs] == ["train"] * 2 + ["sample"] * 2 + ["score"] * 2
    for run in runs:
        assert attempts.read(run.folder)[-1]["node"] == run.provenance()["job"]["node"]
        assert run.provenance()["git"]["snapshot"]
    report = root / "report"
    with open(report / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(r["variant"], r["seed"]) for r in rows if r["seed"] != "all"} == {
        ("none", "0"),
        ("full", "0"),
    }
    read = [r for r in rows if r["metric"] == "SeqAcc/raw" and r["seed"] != "all"]
    assert [r["n"] for r in read] == [str(N)] * 2
    assert all(0 <= float(r["value"]) <= 1 for r in read)
    table = (report / "table.md").read_text()
    assert all(f"| {name} " in table for name in ("none", "full"))
    assert "<table" in (report / "report.html").read_text()


def test_submitted_again_nothing_runs(finished):
    root, runs = finished
    before = {run.name: (run.folder / "DONE.json").stat().st_mtime_ns for run in runs}
    jobs = set(queue.mine())
    assert send(root) == "nothing to submit: all 2 cells are kept\n"
    assert set(queue.mine()) == jobs
    for run in runs:
        assert (run.folder / "DONE.json").stat().st_mtime_ns == before[run.name]


def test_training_in_two_tasks_on_two_nodes_is_training_in_one(finished, tmp_path):
    """The batch is shared between them, so the losses agree up to the order of the sums."""
    _, runs = finished
    one = next(run for run in runs if "full seed 0" in run.title and run.stage == "train")
    two = dataclasses.replace(one, root=tmp_path)
    submit(
        grid.tasks([two]),
        home=grid.home(tmp_path),
        name="two-tasks",
        config=ClusterConfig({**REQUEST, "nodes": 2}),
        project=PROJECT,
        prepare=lambda task: two.prepare(),
    )
    wait_for_the_queue()
    assert two.state == "done", output([two])
    assert (two.folder / "output-1.log").exists()
    alone, shared = logged(one), logged(two)
    # Two trainings that had not met would each have written every step.
    assert [line["step"] for line in shared] == [line["step"] for line in alone] == [1, 2, 3, 4]
    for mine, other in zip(alone, shared, strict=True):
        for term in ("total", "denoising", "supervision", "identity"):
            assert other[term] == pytest.approx(mine[term], rel=2e-3), (term, mine)
        # Its masks come from a threshold, where a last digit can move a pixel.
        assert other["attention"] == pytest.approx(mine["attention"], rel=2e-2)


@pytest.mark.slow
def test_the_paper_is_sent_by_one_command_and_written_by_the_same(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMTEXT_CACHE", str(tmp_path / "cache"))
    lines = [f"{key} = {json.dumps(value)}" for key, value in REQUEST.items()]
    (tmp_path / "cluster.toml").write_text("\n".join(lines))
    asked = ("reproduce", "supervision", "--preset", "smoke", "--seeds", "1", "--n", str(N))
    first = dreamtext(tmp_path, *asked, "--on", "slurm", "--yes", "--tflops", "0.1")
    assert "supervision    3 x train, 6 x sample, 6 x score; not measured" in first
    assert "GPU-hours at 0.1 TFLOP/s, counted" in first
    assert "submitted; the same command writes PAPER.md once the runs are done" in first
    wait_for_the_queue()
    again = dreamtext(tmp_path, *asked, "--on", "slurm")
    assert "nothing to run: 6 cells are scored" in again
    results = tmp_path / "results"
    assert (results / "supervision-smoke" / "report.html").is_file()
    assert "balanced" in (results / "PAPER.md").read_text()
