"""`dreamtext report` and `dreamtext reproduce`: every study at once."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from benchmarks.commands.selection import (
    CellsOption,
    RunsOption,
    Samples,
    Seeds,
    Selection,
    cluster_config,
    duration,
)

if TYPE_CHECKING:
    from benchmarks.study import Cell

# What the paper's tables and figures are made of; `main` needs published weights.
STUDIES = ("supervision", "warmup", "losses", "weights", "masks", "comparison", "objective")


def report(
    studies: Annotated[list[str] | None, typer.Argument(help="Studies, or their files")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every study with a scored cell")] = False,
    preset: Annotated[str | None, typer.Option(help="Another preset than their own")] = None,
    seeds: Seeds = None,
    n: Samples = None,
    runs: RunsOption = None,
    cells: CellsOption = None,
    out: Annotated[Path, typer.Option(help="Folder of reports")] = Path("results"),
) -> None:
    """Write the pages of studies from what is done so far, and the index of all pages."""
    from benchmarks.commands.study import write_overviews, write_report
    from benchmarks.report import page
    from benchmarks.study import study_names
    from dreamtext.errors import RunError, UserError

    if bool(studies) == all_:
        raise UserError("name the studies to report, or give --all for every one")
    page.write_index(out)  # pages link to it
    left_out = []
    for name in studies or study_names():
        try:
            chosen = Selection(name, preset, seeds, n, None, None, runs, cells)
            if all_ and not _has_a_page(chosen):
                continue
            folder = out / chosen.results_folder(None).name
            write_report(chosen, folder)
            typer.echo(f"{folder}/report.html")
        except (RunError, UserError) as error:
            left_out.append(f"{name}: {error}")
    write_overviews(out)
    typer.echo(f"{out}/index.html")
    if left_out:
        raise RunError("left out:\n" + "\n".join(f"  {text}" for text in left_out))


def _has_a_page(chosen: Selection) -> bool:
    """Whether a study has a scored cell and something it was set out to see: a tuning has a page of
    its own, and of data that is not here nothing is scored."""
    from dreamtext.errors import UserError

    try:
        return chosen.study.primary is not None and any(cell.done for cell in chosen.cells)
    except UserError as error:
        typer.echo(f"{chosen.name}: left out, {error}", err=True)
        return False


def reproduce(
    studies: Annotated[
        list[str] | None, typer.Argument(help=f"Studies [default: {', '.join(STUDIES)}]")
    ] = None,
    preset: Annotated[str, typer.Option(help="tiny here; paper on a cluster")] = "tiny",
    on: Annotated[
        Literal["here", "slurm"], typer.Option(help="This machine, or a cluster")
    ] = "here",
    seeds: Seeds = None,
    n: Samples = None,
    workers: Annotated[int, typer.Option(help="--on here: runs side by side")] = 1,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before running")] = False,
    tflops: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Count the trainings' operations, at this rate of one GPU: its peak times what is "
            "used of it",
        ),
    ] = None,
    runs: RunsOption = None,
    cells: CellsOption = None,
    out: Annotated[Path, typer.Option(help="Folder of results")] = Path("results"),
) -> None:
    """The paper's studies again: run what is missing, write every report, the index, and PAPER.md,
    which sets each of the paper's claims beside what was measured."""
    from benchmarks.commands.study import run_here, write_overviews
    from benchmarks.launch import estimate
    from benchmarks.launch.local import missing
    from benchmarks.launch.tasks import distinct_runs
    from benchmarks.report import page, paper
    from dreamtext.errors import RunError

    chosen = {
        name: Selection(name, preset, seeds, n, None, None, runs, cells)
        for name in studies or STUDIES
    }
    typer.echo(f"preset {preset}, on {on}")
    left = sum([_tell(name, one, on) for name, one in chosen.items()])
    if left and tflops:
        every = distinct_runs([cell for one in chosen.values() for cell in one.cells])
        hours = estimate.counted_hours(every, tflops)
        typer.echo(f"all trainings: {hours:.3g} GPU-hours at {tflops:g} TFLOP/s, counted")
    if left and not yes:
        typer.confirm(f"{left} runs are missing; run them?", abort=True)
    page.write_index(out)  # pages link to it
    failed = []
    for name, one in chosen.items():
        folder = out / one.results_folder(None).name
        if on == "slurm":
            _send(one, folder, missing(one.cells))
            continue
        try:
            run_here(one, folder, workers)
        except RunError as error:
            failed.append(f"{name}: {error}")
    if on == "slurm" and left:
        typer.echo("submitted; the same command writes PAPER.md once the runs are done")
    paper.write({name: (one.study, one.cells) for name, one in chosen.items()}, out, preset)
    write_overviews(out)
    typer.echo(f"{out / paper.FILE}")
    if failed:
        raise RunError("some studies are not whole:\n" + "\n".join(failed))


def _tell(name: str, chosen: Selection, on: str) -> int:
    """Print what of a study is missing and how long it takes; how many runs that is."""
    from benchmarks.launch import estimate
    from benchmarks.launch.tasks import distinct_runs

    runs = [run for run in distinct_runs(chosen.cells) if run.state != "done"]
    if not runs:
        typer.echo(f"{name:14} nothing to run: {len(chosen.cells)} cells are scored")
        return 0
    config = cluster_config(None, None)
    plan = estimate.plan(runs, config)
    spent = _measured(chosen.cells)
    total, gpu_hours, parts, unknown = 0.0, 0.0, [], []
    for stage in plan.stages:
        seconds = stage.seconds if stage.seconds is not None else spent.get(stage.stage)
        count = stage.to_run + stage.failed
        if seconds is None:
            unknown.append(stage.stage)
            parts.append(f"{count} x {stage.stage}")
            continue
        asked = config.resources(stage.stage)
        total += count * seconds
        gpu_hours += count * seconds * asked.gpus * asked.nodes / 3600
        parts.append(f"{count} x {stage.stage} of {duration(seconds)}")
    text = f"{name:14} {', '.join(parts)}; "
    text += f"{duration(total)} one after the other" if total else "not measured"
    text += f", {gpu_hours:.1f} GPU-hours" if on == "slurm" and total else ""
    if unknown:
        text += f" (how long {', '.join(unknown)} takes is not known: `study plan --probe`)"
    typer.echo(text)
    return len(runs)


def _measured(cells: "Sequence[Cell]") -> dict[str, float]:
    """Median seconds of each stage over the study's own scored cells."""
    seconds: dict[str, list[float]] = {}
    for cell in cells:
        if cell.done:
            for stage, about in cell.scored.provenance().items():
                seconds.setdefault(stage, []).append(about["seconds"])
    return {stage: median(own) for stage, own in seconds.items()}


def _send(chosen: Selection, folder: Path, left: list) -> None:
    from benchmarks.commands.grid import submit

    if not left:
        return
    submit(
        name=chosen.name,
        preset=chosen.preset,
        seeds=chosen.seeds,
        n=chosen.n,
        where=None,
        set_=None,
        runs=chosen.runs,
        kept=chosen.kept,
        on="slurm",
        out=folder,
        cluster=None,
        ask=None,
        parallel=1,
        dry_run=False,
    )


def register(app: typer.Typer) -> None:
    """Add the commands to `dreamtext`."""
    app.command()(report)
    app.command()(reproduce)
