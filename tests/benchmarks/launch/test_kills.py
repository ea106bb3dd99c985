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
from benchmarks.runs.folder import shards as shards_of
from benchmarks.runs.manifest import Benchmark
from benchmarks.runs.work import forget
from benchmarks.samples.writer import CHUNK
from benchmarks.study.identities import sample_run, score_run, train_run

# A kill falls up to so many seconds after a stage is seen to be at work.
SPREAD_S = {"data": 0.4, "train": 1.5, "sample": 0.3, "score": 2.0}
KILLS = ["data", "data", "train", "train", "train", "train", "sample", "sample", "score", "score"]


PAINTED = 100


def planned(root: Path) -> list[Run]:
    config = small.config("data.train_size=1500")
    train = train_run(config, root)
    sample = sample_run(config, Benchmark(n=PAINTED), train)
    runs = [train, sample, score_run(config, sample)]
    for run in runs:
        run.prepare()
    return runs


def start(runs: list[Run], cache: Path, *options: str) -> subprocess.Popen:
    program = [sys.executable, "-m", "benchmarks.launch.stages", *options]
    return subprocess.Popen(
        [*program, *(str(run.folder) for run in runs)],
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
    assert pictures(whole[1]) == pictures(runs[1])
    assert len(pictures(whole[1])) == PAINTED

    # The same sampling in two shards: one is killed and lost, and painted again alone.
    forget(runs[1])
    runs[1].prepare()
    shards = [start([runs[1]], cache, "--shard", f"{i}/2") for i in range(2)]
    wait(lambda: any((runs[1].folder / "parts").glob("*.npz")), shards[1])
    shards[1].send_signal(signal.SIGKILL)
    assert [shard.wait() for shard in shards] in ([0, -signal.SIGKILL], [0, 0])
    shards[1].stderr.close()
    assert start([runs[1]], cache, "--shard", "1/2").wait() == 0
    assert runs[1].state == "started", "a shard finishes nothing"
    assert len(list((runs[1].folder / "parts").glob("?????.npz"))) == -(-PAINTED // CHUNK)
    assert start([runs[1]], cache).wait() == 0
    assert pictures(runs[1]) == pictures(whole[1])
    for number, own in enumerate(shards_of(runs[1].folder)):
        assert json.loads((own / "DONE.json").read_text()) == runs[1].provenance()["shards"][number]
        steps = [json.loads(line)["step"] for line in (own / "log.jsonl").read_text().splitlines()]
        assert steps == sorted(steps)
        assert steps[-1] > 0


def pictures(sample: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (sample.folder / "raw").iterdir()}
