"""`dreamtext study`: run, look at and report studies."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.study import Study

app = typer.Typer(
    help="Studies: variants x seeds x benchmarks, from Python files that read like their table.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="A study's name (see `study list`) or its Python file")]
Preset = Annotated[str | None, typer.Option(help="Another preset than the study's own")]
Seeds = Annotated[int | None, typer.Option(help="How many seeds, from 0 on")]
Samples = Annotated[int | None, typer.Option("--n", help="How many samples of each benchmark")]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Only cells with variant=A|B, seed=0|1 or task=editing; may be repeated"),
]
Set = Annotated[list[str] | None, typer.Option("--set", help="section.key=value for every variant")]
RunsOption = Annotated[
    Path | None, typer.Option("--runs", help="Folder of runs [default: $DREAMTEXT_RUNS or ./runs]")
]
Out = Annotated[
    Path | None,
    typer.Option(help="Where the report goes [default: results/<study>, -<preset> if another]"),
]


def narrowed(
    name: str,
    preset: str | None,
    seeds: int | None,
    n: int | None,
    where: list[str] | None,
    overrides: list[str] | None,
) -> Study:
    """The study as the command line's options narrow it."""
    from benchmarks.study import load_study
    from dreamtext.errors import UserError

    for text in where or []:
        if "=" not in text:
            raise UserError(f"--where takes key=value, as variant=none|full, not '{text}'")
    return load_study(name).narrowed(
        preset=preset,
        seeds=None if seeds is None else range(seeds),
        n=n,
        overrides=overrides or (),
        where=dict(text.split("=", 1) for text in where or []),
    )


def results_folder(study: Study, name: str) -> Path:
    """`results/<study>`, or with the preset behind it where that is not the study's own."""
    from benchmarks.study import load_study

    own = load_study(name).preset == study.preset
    return Path("results") / (study.name if own else f"{study.name}-{study.preset}")


@app.command("list")
def list_studies() -> None:
    """Every study that comes along, and what it asks."""
    from benchmarks.study import load_study, study_names

    for name in study_names():
        study = load_study(name)
        typer.echo(f"{name:24} {len(study.variants):3} variants  {study.question}")


@app.command()
def run(
    name: Name,
    preset: Preset = None,
    seeds: Seeds = None,
    n: Samples = None,
    where: Where = None,
    set_: Set = None,
    workers: Annotated[int, typer.Option(help="Runs side by side, one thread each")] = 1,
    force: Annotated[
        str | None,
        typer.Option(help="Do train, sample or score again, and what follows"),
    ] = None,
    inline: Annotated[
        bool, typer.Option("--inline", help="NAME is one run: do it at this prompt, to debug it")
    ] = False,
    runs: RunsOption = None,
    out: Out = None,
) -> None:
    """Do what is missing of a study on this machine, then write its report."""
    if inline:
        from benchmarks.commands.grid import run_inline

        return run_inline(name, runs)
    from benchmarks import runner
    from benchmarks.runs import default_root
    from dreamtext.errors import RunError, UserError

    if force not in (None, *runner.STAGES):
        raise UserError(f"--force takes train, sample or score, not '{force}'")
    study = narrowed(name, preset, seeds, n, where, set_)
    cells = study.cells(runs or default_root())
    folder = out or results_folder(study, name)
    if force:
        runner.force(cells, force)
    left = runner.missing(cells)
    if not left and (folder / "report.html").exists():
        typer.echo(f"all {len(cells)} cells are done, nothing to do; see {folder}/report.html")
        return
    failure = None
    try:
        done = runner.run_cells(cells, workers=workers)
    except RunError as error:
        if all(cell.score.state != "done" for cell in cells):
            raise
        failure, done = error, 0
    from benchmarks import report

    report.write(study, cells, folder)
    typer.echo((folder / "table.md").read_text())
    typer.echo(f"{done} stages done; see {folder}/report.html")
    if failure:
        raise failure


@app.command()
def report(
    name: Name,
    preset: Preset = None,
    seeds: Seeds = None,
    n: Samples = None,
    where: Where = None,
    set_: Set = None,
    runs: RunsOption = None,
    out: Out = None,
) -> None:
    """Write a study's tables, figures and page from what is done so far."""
    from benchmarks import report as reports
    from benchmarks.runs import default_root

    study = narrowed(name, preset, seeds, n, where, set_)
    folder = out or results_folder(study, name)
    reports.write(study, study.cells(runs or default_root()), folder)
    typer.echo(f"{folder}/report.html")
