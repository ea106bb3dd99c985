"""Tasks at the prompt, for a debugger."""

from pathlib import Path

from helpers.slurm_tasks import PROGRAM, PROJECT

from slurm.inline import run_inline
from slurm.task import Task


def make(root: Path, name: str, *more: str) -> Task:
    folder = str(root / name)
    return Task(folder, ("python", PROGRAM, folder, "--pause", "0", *more))


def test_inline_runs_in_this_terminal_and_stops_at_the_first_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    good, bad = make(tmp_path, "good"), make(tmp_path, "bad", "--fault", "exit")
    after = make(tmp_path, "after")
    verdicts = run_inline([good, bad, after])
    assert verdicts[good.folder] == "done"
    assert verdicts[bad.folder] != "done"
    assert after.folder not in verdicts
    assert not Path(good.folder, "output.log").exists()
