"""`dreamtext study status|logs|failures`: what a study's runs are doing. Imports no torch."""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from benchmarks.commands.selection import (
    RunName,
    RunsOption,
    Selection,
    duration,
    find_run,
    root_of,
    selecting,
)
from benchmarks.commands.study import app

if TYPE_CHECKING:
    from slurm.status import TaskStatus

_STATES = ("new", "queued", "running", "hung", "lost", "cancelled", "failed", "done")
_UNITS = {"shard": "image"}  # what a task's log counts, if not steps


@app.command()
@selecting
def status(
    selection: Selection,
    watch: Annotated[
        float | None, typer.Option(help="Show again every so many seconds, until all is settled")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="A line for every run")] = False,
) -> None:
    """What every run of a study is doing."""
    from benchmarks.launch.tasks import home
    from slurm.status import counts
    from slurm.status import status as status_of

    runs = selection.outline
    while True:
        found = status_of(runs.tasks, home(selection.root), steps=runs.steps)
        lines = _lines(found, runs.titles, everything=all_)
        if not runs.tasks:
            lines = [f"every cell is kept in {selection.store}"]
        lines += _surroundings(home(selection.root))
        if watch is not None:
            click.clear()
        typer.echo("\n".join(lines))
        if watch is None or not {"queued", "running", "hung"} & set(counts(found)):
            return
        time.sleep(watch)


@app.command()
def logs(
    run: RunName,
    runs: RunsOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows")] = False,
    lines: Annotated[int, typer.Option(help="How many lines from the end; 0: all")] = 40,
) -> None:
    """What a run has printed."""
    from slurm.logs import follow as follow_log
    from slurm.logs import last

    folder = find_run(run, root_of(runs))
    typer.echo(last(folder, lines), nl=False)
    if follow:
        for text in follow_log(folder):
            typer.echo(text, nl=False)


@app.command()
@selecting
def failures(selection: Selection) -> None:
    """A study's failed runs by error, each with its last lines and likely cause."""
    from benchmarks.launch.tasks import home
    from slurm.failures import group

    groups = group(selection.outline.tasks)
    if not groups:
        typer.echo("no run has failed")
    for found in groups:
        typer.echo(f"{len(found.tasks)} x {found.message}")
        typer.echo(f"    likely: {found.likely or 'not recognised; see the lines below'}")
        if found.gave_up:
            typer.echo(f"    {found.gave_up}, so it is not tried again until `study retry`")
        typer.echo(f"    on: {', '.join(found.nodes) or 'unknown node'}")
        typer.echo(f"    runs: {', '.join(task.name for task in found.tasks[:6])}")
        for line in found.last_lines:
            typer.echo(f"    | {line}")
    for line in _surroundings(home(selection.root)):
        typer.echo(line)


def _surroundings(folder: Path) -> list[str]:
    """What is wrong around the runs: nodes that fail them, a disk that fills up."""
    from slurm.nodes import excluded

    lines = [f"excluded  {node}: {why}" for node, why in excluded(folder).items()]
    here = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    room = shutil.disk_usage(here)
    if room.free < max(0.01 * room.total, 1e9):
        lines.append(f"disk      {room.free / 1e9:.2f} GB free where the runs are")
    return lines


def _lines(found: "Sequence[TaskStatus]", titles: Mapping[str, str], everything: bool) -> list[str]:
    from benchmarks.launch.pulse import goes
    from benchmarks.launch.tasks import title
    from slurm.status import counts

    lines = [f"{'stage':8}" + "".join(f"{state:>11}" for state in _STATES)]
    for stage in dict.fromkeys(one.task.stage for one in found):
        count: Mapping[Any, int] = counts(one for one in found if one.task.stage == stage)
        lines.append(f"{stage:8}" + "".join(f"{count.get(s, 0) or '-':>11}" for s in _STATES))
    shown = _STATES if everything else ("running", "hung", "lost", "failed")
    rows = [one for one in found if one.state in shown]
    for one in rows if everything else rows[:60]:
        last = one.progress
        loss = last.get("total", last.get("loss"))
        rate = last.get("steps_per_s")
        training = one.task.stage == "train" and one.state in ("running", "hung")
        said, picture = goes(Path(one.task.folder)) if training else ([], None)
        parts = [
            f"{_UNITS.get(one.task.stage, 'step')} {last['step']}" if "step" in last else "",
            f"{rate:.1f} steps/s" if rate else "",
            f"loss {loss:.4f}" if isinstance(loss, float) else "",
            *said,
            f"{duration(one.eta_s)} left" if one.eta_s is not None else "",
            f"on {one.node}" if one.node else "",
            one.detail,
        ]
        what = ", ".join(part for part in parts if part)
        lines.append(f"{one.state:9} {one.task.name}  {title(one.task, titles)}: {what[:200]}")
        if picture:
            lines[-1] += f", {picture}"
    if not everything and len(rows) > 60:
        lines.append(f"... and {len(rows) - 60} more; --all shows every run")
    return lines
