"""A study as tasks of the launcher. Imports no torch."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.runs.folder import MAKES, STAGES
from slurm.task import Task

if TYPE_CHECKING:
    from benchmarks.runs.folder import Run
    from benchmarks.study import Cell

HOME = "launch"


def home(root: Path) -> Path:
    """The launcher's folder: records of submissions, snapshots of the code, SLURM's own logs."""
    return root.resolve() / HOME


def distinct_runs(cells: Iterable["Cell"]) -> list["Run"]:
    """Every run that a study needs once, parents before children; a kept cell needs none."""
    runs = {run.name: run for cell in cells if not cell.kept for run in cell.runs}
    return sorted(runs.values(), key=lambda run: STAGES.index(run.stage))


def tasks(runs: Iterable["Run"]) -> list[Task]:
    """The launcher's view of runs: a folder, and the program that fills it."""
    roots: dict[Path, str] = {}
    out = []
    for run in runs:
        if run.root not in roots:
            roots[run.root] = str(run.root.resolve())
        root = roots[run.root]
        folder = f"{root}/{run.name}"
        program = ("python", "-m", "benchmarks.launch.stages", folder)
        after = tuple(f"{root}/{name}" for name in run.parents.values())
        out.append(Task(folder, program, run.stage, after, MAKES[run.stage]))
    return out


def steps(runs: Iterable["Run"]) -> dict[str, int]:
    """Folder -> how many steps a training run has, for its time remaining."""
    trainings = [run for run in runs if run.stage == "train"]
    return {
        task.folder: run.settings["config"]["training"]["steps"]
        for task, run in zip(tasks(trainings), trainings, strict=True)
    }
