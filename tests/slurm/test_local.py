"""The same tasks on one machine: order, retries, interruption."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from slurm.local import run_inline, run_local
from slurm.task import Task, read_failure

PROGRAM = str(Path(__file__).with_name("program.py").resolve())
PROJECT = Path(__file__).parents[2]


def make(root: Path, name: str, *more: str, after: tuple[str, ...] = ()) -> Task:
    folder = str(root / name)
    return Task(folder, ("python", PROGRAM, folder, "--pause", "0", *more), "run", after)


def test_order_retry_and_final_failure(tmp_path):
    a = make(tmp_path, "a", "--fault", "kill", "--once")
    b = make(tmp_path, "b", after=(a.folder,))
    c = make(tmp_path, "c", "--fault", "exception")
    d = make(tmp_path, "d", after=(c.folder,))
    verdicts = run_local([d, b, a, c], PROJECT, 2)
    assert [verdicts[t.folder] for t in (a, b, c, d)] == ["done", "done", "failed", "blocked"]
    assert read_failure(c.folder)["gave_up"] == "failed in the same way 3 times"
    again = run_local([a, b], PROJECT, 2)
    assert set(again.values()) == {"done"}
    assert len(Path(b.folder, "starts").read_text().splitlines()) == 1


def test_interrupted_run_goes_on_where_it_was(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import test_local as t;"
        "from pathlib import Path; root = Path(sys.argv[1]);"
        "print(t.run_local([t.make(root, 'a', '--pause', '0.1', '--steps', '50')], t.PROJECT, 1))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    state = tmp_path / "a" / "state.json"
    deadline = time.monotonic() + 20
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert "interrupted" in out
    task = make(tmp_path, "a", "--steps", "50")
    assert run_local([task], PROJECT, 1) == {task.folder: "done"}
    assert not (tmp_path / "a" / "starts").read_text().splitlines()[1].endswith("from 0")


def test_inline_runs_in_this_terminal_and_stops_at_the_first_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    good, bad = make(tmp_path, "good"), make(tmp_path, "bad", "--fault", "exit")
    after = make(tmp_path, "after")
    verdicts = run_inline([good, bad, after])
    assert verdicts[good.folder] == "done"
    assert verdicts[bad.folder] != "done"
    assert after.folder not in verdicts
    assert not Path(good.folder, "output.log").exists()
