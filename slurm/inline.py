"""Tasks at this prompt, one after the other: for a debugger."""

from collections.abc import Sequence
from pathlib import Path

from slurm.job import Verdict, attend
from slurm.stopping import StopFlag
from slurm.task import Task, unique


def run_inline(tasks: Sequence[Task]) -> dict[str, Verdict]:
    """Run tasks one after the other at this prompt, with its keyboard and screen (a debugger
    works), from the code as it is now; stops at the first that does not end well."""
    verdicts: dict[str, Verdict] = {}
    with StopFlag() as stop:
        for task in unique(tasks):
            Path(task.folder).mkdir(parents=True, exist_ok=True)
            verdicts[task.folder] = attend(task, stop, capture=False)
            if verdicts[task.folder] != "done":
                break
    return verdicts
