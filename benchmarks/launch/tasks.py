"""A study as tasks of the launcher. Imports no torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.runs.folder import MAKES, STAGES, shard, shards
from slurm.task import Task

if TYPE_CHECKING:
    from benchmarks.runs.folder import Run
    from benchmarks.study import Cell

HOME = "launch"
SHARD = "shard"  # the stage of tasks that paint a share of a sampling


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


def tasks_in_shares(runs: Sequence["Run"], share_among: int) -> list[Task]:
    """The same, with samplings by our model painted by several tasks each, before the one that
    puts its folder together; by fewer where there is not enough to paint."""
    whole = zip(tasks(runs), runs, strict=True)
    return [part for task, run in whole for part in divided(task, _useful(run, share_among))]


def divided(task: Task, share_among: int = 1) -> list[Task]:
    """A sampling with the tasks that paint its shares before it; any other task alone.

    One that was begun in shares stays in as many, whatever is asked for.
    """
    if task.stage != "sample" or task.done:
        return [task]
    folder = Path(task.folder)
    folders = shards(folder) or [shard(folder, k, share_among) for k in range(share_among)]
    if len(folders) < 2:
        return [task]
    parts = [
        Task(str(own), (*task.argv, "--shard", f"{k}/{len(folders)}"), SHARD, task.after)
        for k, own in enumerate(folders)
    ]
    return [*parts, replace(task, after=(*task.after, *(part.folder for part in parts)))]


def title(task: Task, titles: Mapping[str, str]) -> str:
    """For people; `titles` has those of runs."""
    if task.stage != SHARD:
        return titles[task.folder]
    return f"{titles[task.argv[-3]]}, shard {task.argv[-1]}"


def _useful(run: "Run", share_among: int) -> int:
    """No more shares than there are parts to paint; one for a system that is not ours, which may
    want to be asked once for everything."""
    if share_among == 1 or "train" not in run.parents:
        return 1
    from benchmarks.samples.writer import CHUNK

    benchmark = run.settings["benchmark"]
    return share_among if benchmark["file"] else min(share_among, -(-benchmark["n"] // CHUNK))


def steps(runs: Iterable["Run"]) -> dict[str, int]:
    """Folder -> how many steps a training has, for its time remaining."""
    return {
        str(run.root.resolve() / run.name): run.settings["config"]["training"]["steps"]
        for run in runs
        if run.stage == "train"
    }
