"""A run killed again and again, at random instants, ends like one that was left alone."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helpers import small
from helpers.paths import ROOT
from safetensors.torch import load_file

from benchmarks.runs.folder import Run
from benchmarks.runs.manifest import Benchmark
from benchmarks.study.identities import sample_run, score_run, train_run

# A kill falls up to so many seconds after a stage is seen to be at work.
SPREAD_S = {"data": 0.4, "train": 1.5, "sample": 0.3, "score": 2.0}
KILLS = ["data", "data", "train", "train", "train", "train", "sample", "sample", "score", "score"]


def planned(root: Path) -> list[Run]:
    config = small.config("data.train_size=1500")
    train = train_run(config, root)
    sample = sample_run(config, Benchmark(n=40), train)
    runs = [train, sample, score_run(config, sample)]
    for run in runs:
        run.prepare()
    return runs


def start(runs: list[Run], cache: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.launch.stages", *(str(run.folder) for run in runs)],
        cwd=ROOT,
        env=os.environ | {"DREAMTEXT_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def under_way(stage: str, runs: list[Run], cache: Path) -> bool:
    train, sample, score = runs
    if stage == "data":
        return any(cache.glob(".embedded-*.partial"))
    if stage == "train":
        return (train.folder / "checkpoints").exists()
    if stage == "sample":
        return (sample.folder / "provenance.json").exists()
    return (score.folder / "provenance.json").exists()


def finished(stage: str, runs: list[Run]) -> bool:
    done = {"data": 0, "train": 0, "sample": 1, "score": 2}[stage]
    return runs[done].state == "done"


def wait(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    while not condition() and process.poll() is None:
        time.sleep(0.02)


def test_killed_runs_end_the_same(tmp_path: Path) -> None:
    whole = planned(tmp_path / "whole")
    process = start(whole, tmp_path / "cache-whole")
    assert process.communicate(timeout=600)[1] is not None
    assert [run.state for run in whole] == ["done"] * 3

    chance = random.Random(4)
    runs, cache = planned(tmp_path / "killed"), tmp_path / "cache-killed"
    landed = 0
    for stage in KILLS:
        if finished(stage, runs):
            # The stage is over; kill at an instant of whatever runs now, and see it undamaged.
            stage = next(
                (s for s in ("train", "sample", "score") if not finished(s, runs)), "score"
            )
        process = start(runs, cache)
        wait(lambda s=stage: under_way(s, runs, cache), process)
        time.sleep(chance.uniform(0, SPREAD_S[stage]))
        landed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
    assert landed >= 8, "most kills must hit a process at work"
    process = start(runs, cache)
    _, errors = process.communicate(timeout=600)
    assert [run.state for run in runs] == ["done"] * 3, errors.decode()[-2000:]

    weights = [load_file(r[0].folder / "model" / "model.safetensors") for r in (whole, runs)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    scores = [json.loads((r[2].folder / "scores.json").read_text()) for r in (whole, runs)]
    assert scores[0] == scores[1]
    images = [
        {p.name: p.read_bytes() for p in (r[1].folder / "raw").iterdir()} for r in (whole, runs)
    ]
    assert images[0] == images[1]
    assert len(images[0]) == 40
