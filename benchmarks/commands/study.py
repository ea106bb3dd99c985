"""`dreamtext study list|run|report|tune`: studies on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.selection import (
    CellsOption,
    Out,
    RunsOption,
    Selection,
    find_run,
    root_of,
    selecting,
)

app = typer.Typer(
    help="Studies: variants x seeds x benchmarks, from Python files that read like their table.",
    no_args_is_help=True,
)


@app.command("list")
def list_studies() -> None:
    """Every study that comes along, and what it asks."""
    from benchmarks.study import load_study, study_names

    for name in study_names():
        study = load_study(name)
        typer.echo(f"{name:24} {len(study.variants):3} variants  {study.question}")


@app.command()
@selecting
def run(
    selection: Selection,
    workers: Annotated[int, typer.Option(min=1, help="Runs side by side, one thread each")] = 1,
    force: Annotated[
        str | None,
        typer.Option(help="Do train, sample or score again, and what follows"),
    ] = None,
    inline: Annotated[
        bool, typer.Option("--inline", help="NAME is one run: do it at this prompt, to debug it")
    ] = False,
    out: Out = None,
) -> None:
    """Do what is missing of a study on this machine, then write its report."""
    if inline:
        return run_inline(selection.name, selection.runs)
    from benchmarks.launch import local as runner
    from dreamtext.errors import UserError

    if force not in (None, *runner.STAGES):
        raise UserError(f"--force takes train, sample or score, not '{force}'")
    if force:
        runner.force(selection.cells, force)
    run_here(selection, out, workers)


@app.command()
@selecting
def report(
    selection: Selection,
    out: Out = None,
    export: Annotated[
        bool,
        typer.Option(
            "--export", help="Also as CSV, Hugging Face's YAML and Every Eval Ever's JSON"
        ),
    ] = False,
) -> None:
    """Write a study's tables, figures and page from what is done so far; scored cells are kept."""
    folder = selection.results_folder(out)
    write_report(selection, folder)
    typer.echo(f"{folder}/report.html")
    if export:
        from benchmarks.exchange import formats

        typer.echo(formats.write(folder, formats.images_of(selection.cells)))


@app.command()
def index(
    folder: Annotated[Path, typer.Argument(help="Folder of results")] = Path("results"),
) -> None:
    """Write what is told of all studies together: their findings as text and as a page, the map of
    runs to revisions, the leaderboard, how it changes with the measure, and PAPER.md anew where
    `dreamtext reproduce` has written it."""
    from benchmarks.report import backing
    from dreamtext.errors import UserError

    if next(backing.studies(folder), None) is None:
        raise UserError(
            f"'{folder}' holds no study's results (a folder with scores.csv and provenance.json); "
            "name the folder that `dreamtext study run` writes to"
        )
    write_overviews(folder)
    typer.echo(f"{folder / backing.OVERVIEW}")


@app.command()
def tune(
    name: Annotated[str, typer.Argument(help="A study that tunes, or its Python file")] = "tuning",
    workers: Annotated[int, typer.Option(min=1, help="Runs side by side, one thread each")] = 1,
    runs: RunsOption = None,
    kept: CellsOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Where choices go [default: results/tuning/<name>]")
    ] = None,
) -> None:
    """Run a tuning's trials, stop hopeless ones, and write what was tried and chosen."""
    from benchmarks.cells.reader import default_store
    from benchmarks.launch import local as runner
    from benchmarks.report import tuned
    from benchmarks.study import chosen
    from benchmarks.study import tuning as tunings

    tuning = tunings.load_tuning(name)
    cells = tuning.study().cells(root_of(runs), (kept or default_store()).resolve())
    # Trials that came later may have read worse: what was stopped then goes on.
    while left := tunings.left(tuning, cells):
        runner.run_cells(left, workers=workers, hopeless=lambda: tunings.hopeless(tuning, cells))
    folder = out or Path("results", "tuning", tuning.name)
    for arm, best in chosen.write(tuning, cells, folder).items():
        typer.echo(f"{arm:24} trial {best['trial']}  NED {best['NED']:.3f}  {best['settings']}")
    typer.echo(tuned.write(tuning, folder))


def run_here(
    selection: Selection, out: Path | None, workers: int, code: Path | None = None
) -> None:
    """Run what is missing side by side on this machine, from `code` if given; then the report,
    also where some runs failed."""
    from benchmarks.cells.keeping import keep_all
    from benchmarks.launch import local as runner
    from benchmarks.report import page as report
    from dreamtext.errors import RunError

    cells, folder = selection.cells, selection.results_folder(out)
    if not runner.missing(cells) and report.shows(folder, cells):
        keep_all([cell.score for cell in cells], selection.store)
        typer.echo(f"all {len(cells)} cells are done, nothing to do; see {folder}/report.html")
        return
    failure = None
    try:
        done = runner.run_cells(cells, workers=workers, code=code)
    except RunError as error:
        if not any(cell.done for cell in cells):
            raise
        failure, done = error, 0
    write_report(selection, folder)
    typer.echo((folder / "table.md").read_text())
    if failure:
        typer.echo(f"what is done: {folder}/report.html")
        raise failure
    typer.echo(f"{done} stages done; see {folder}/report.html")


def write_report(selection: Selection, folder: Path) -> None:
    """Keep the selection's scored cells, and write their report."""
    from benchmarks.cells.keeping import keep_all
    from benchmarks.report import page as report

    keep_all([cell.score for cell in selection.cells], selection.store)
    report.write(selection.study, selection.cells, folder, selection.narrowing)


def write_overviews(folder: Path) -> None:
    """All pages and tables of a folder of results that tell of several studies."""
    from benchmarks.exchange import leaderboard, measures
    from benchmarks.exchange.standings import read_all
    from benchmarks.report import backing, page, paper

    if read_all(folder):
        leaderboard.write(folder)
        measures.write(folder)
    measured = backing.reported(folder, root_of(None))
    presets = {study.preset for study, _ in measured.values()}
    if (folder / paper.FILE).is_file():
        if len(presets) == 1:
            paper.write(measured, folder, *presets)
        else:  # of several presets none is told
            typer.echo(f"{paper.FILE} stays as it is: reports of {', '.join(sorted(presets))}")
    backing.write(folder)
    page.write_index(folder)  # last: it links to all others


def run_inline(name: str, runs: RunsOption) -> None:
    """One run at this prompt, from the code as it is now: for a debugger."""
    from benchmarks.launch import tasks as grid
    from benchmarks.runs.folder import load
    from dreamtext.errors import RunError
    from slurm.attempts import clear_failure
    from slurm.inline import run_inline as inline

    folder = find_run(name, root_of(runs))
    clear_failure(folder)
    (verdict,) = inline(grid.tasks([load(folder)])).values()
    typer.echo(f"{folder.name}: {verdict}")
    if verdict != "done":
        raise RunError(f"{folder.name} ended {verdict}")
