"""A training that was suspended, and overtaken meanwhile, changes nothing when it wakes up."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import small
from helpers.paths import ROOT
from safetensors.torch import load_file

from benchmarks.runs.folder import Run
from benchmarks.study.identities import train_run

STALE_S = 3.0  # 180 s, shortened by its variable


def planned(root: Path) -> Run:
    run = train_run(small.config("training.steps=60"), root)
    run.prepare()
    return run


def start(run: Run, cache: Path) -> subprocess.Popen[str]:
    variables = {
        "DREAMTEXT_CACHE": str(cache),
        "OMP_NUM_THREADS": "1",
        "LEASE_STALE_AFTER_S": str(STALE_S),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.launch.stages", str(run.folder)],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def steps(run: Run) -> list[int]:
    try:
        lines = (run.folder / "log.jsonl").read_text().splitlines()
        return [v["step"] for v in map(json.loads, lines) if "total" in v]
    except FileNotFoundError:
        return []


def until(condition: Callable[[], bool], *processes: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert all(p.poll() is None for p in processes), "it ended too soon"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_training_suspended_and_overtaken_leaves_the_run_alone(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    whole = planned(tmp_path / "whole")
    assert start(whole, cache).wait(300) == 0

    run = planned(tmp_path / "disturbed")
    first = start(run, cache)
    until(lambda: len(steps(run)) >= 5, first)
    first.send_signal(signal.SIGSTOP)
    time.sleep(STALE_S + 1)
    before = len(steps(run))
    second = start(run, cache)
    until(lambda: "lease-000002.json" in os.listdir(run.folder), second)
    first.send_signal(signal.SIGCONT)
    until(lambda: len(steps(run)) > before or run.state == "done")
    assert first.wait(300) != 0
    assert "another process has taken the run over" in first.communicate()[1]
    assert second.wait(300) == 0, second.communicate()[1]

    assert run.state == "done"
    assert steps(run) == steps(whole) == list(range(1, 61))
    weights = [load_file(one.model / "model.safetensors") for one in (whole, run)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
