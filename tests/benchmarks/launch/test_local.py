"""A study on this machine: stopped politely, it saves and can go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from helpers import small
from helpers.paths import ROOT

from slurm.lease import read_lease

LIMIT_S = 300


def test_study_told_to_stop_saves_and_leaves_no_process(tmp_path):
    command = ["study", "run", "supervision", "--preset", "smoke", "--seeds", "1", "--n", "4"]
    command += [
        "--where",
        "variant=full",
        "--where",
        "task=editing",
        "--runs",
        str(tmp_path),
        "--workers",
        "2",
    ]
    settings = (*small.OVERRIDES, "training.steps=100000", "training.checkpoint_every=100000")
    command += [word for text in settings for word in ("--set", text)]
    study = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.cli", *command],
        cwd=ROOT,
        env={**os.environ, "DREAMTEXT_CACHE": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + LIMIT_S
    while not (logs := list(tmp_path.glob("train-*/log.jsonl"))) or not logs[0].stat().st_size:
        assert study.poll() is None, study.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    folder = logs[0].parent
    worker = read_lease(folder).pid
    assert b"DREAMTEXT_RUNS_HERE=2\0" in Path(f"/proc/{worker}/environ").read_bytes()
    study.send_signal(signal.SIGTERM)
    _, said = study.communicate(timeout=LIMIT_S)
    assert study.returncode == 1
    assert "run the same command to go on" in said
    assert not Path(f"/proc/{worker}").exists()
    assert read_lease(folder).released
    assert list((folder / "checkpoints").iterdir())
    assert not (folder / "DONE.json").exists()
    assert not (folder / "FAILED.json").exists()
