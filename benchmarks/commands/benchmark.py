"""`dreamtext benchmark`: give the benchmark away, score what others painted, show who is where."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.selection import RunsOption, root_of

app = typer.Typer(
    no_args_is_help=True,
    help="A benchmark for any system: export it, paint it anywhere, score the pictures.",
)
RESULTS = Path("results")


@app.command("export")
def export_(
    out: Annotated[Path, typer.Argument(help="A new folder")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="of the data set, such as data.height=512", metavar="[KEY=VALUE]..."),
    ] = None,
    data: Annotated[str, typer.Option(help="The data set's name")] = "embedded",
    root: Annotated[Path | None, typer.Option(help="The prepared data set's folder")] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="reconstruction, editing; repeated for both")
    ] = None,
    split: Annotated[str, typer.Option(help="Which split")] = "test",
    n: Annotated[int, typer.Option(help="How many samples of each task")] = 288,
    seeds: Annotated[int, typer.Option(help="Pictures of each sample, from different noise")] = 1,
    preset: Annotated[
        str, typer.Option(help="Whose data settings are the starting point")
    ] = "tiny",
) -> None:
    """Write crops, masks, words and seeds that anyone can paint on without this project.

    With a study's preset and n these are the study's own samples.
    """
    from benchmarks.exchange.export import export as run
    from benchmarks.runs.manifest import Benchmark
    from dreamtext.configs.presets import preset as preset_of
    from dreamtext.configs.schema import from_dict, override

    given = [f"data.name={data}", *([f"data.root={root}"] if root else []), *(overrides or [])]
    config = override(preset_of(preset), given).data
    asked = [from_dict(Benchmark, {"task": name}).task for name in task or ["editing"]]
    made = run(out, config, asked, split=split, n=n, seeds=seeds)
    typer.echo(
        f"{len(made.lines):,} pictures to paint in {out}: export {made.key}. "
        f"{out}/README.md tells how; try `python {out}/example.py RESULTS`"
    )


@app.command()
def score(
    results: Annotated[Path, typer.Argument(help="Folder with one <id>.png for every line")],
    manifest: Annotated[
        Path, typer.Option(help="The export they were painted on: its folder or manifest.jsonl")
    ],
    name: Annotated[str | None, typer.Option(help="Whose pictures they are")] = None,
    licence: Annotated[str | None, typer.Option(help="Of the system's weights and code")] = None,
    url: Annotated[str | None, typer.Option(help="Where the system is described")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Score although pictures are missing, as failures")
    ] = False,
    judge: Annotated[str | None, typer.Option(help="Who reads, as for `dreamtext score`")] = None,
    inception: Annotated[Path | None, typer.Option(help="Your inception-2015-12-05.pt")] = None,
    alexnet: Annotated[Path | None, typer.Option(help="Your alexnet-owt-7be5be79.pth")] = None,
    export: Annotated[
        bool,
        typer.Option(
            "--export", help="Also as CSV, Hugging Face's YAML and Every Eval Ever's JSON"
        ),
    ] = False,
    runs: RunsOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the scores go [default: results/brought/<name>]")
    ] = None,
) -> None:
    """Score a folder of pictures by their ids, whoever painted them."""
    from benchmarks.exchange import brought, formats
    from dreamtext.data.exported import Export
    from slurm.stopping import StopFlag

    told = {"name": name, "licence": licence, "url": url}
    found = brought.submission(results, Export.at(manifest), told, partial=partial)
    folder = out or RESULTS / "brought" / found.slug
    brought.refuse_others(folder, brought.about(found))
    given = {"judge": judge, "inception": inception, "alexnet": alexnet}
    study = brought.study(found, [f"scoring.{k}={v}" for k, v in given.items() if v])
    cells = study.cells(root_of(runs))
    with StopFlag() as stop:
        brought.score(cells, stop)
    brought.write(found, study, cells, folder)
    typer.echo((folder / "table.md").read_text())
    if export:
        typer.echo(formats.write(folder, formats.images_of(cells)))
    typer.echo(
        f"{len(found.results.files)} of {len(found.export.lines)} pictures; see "
        f"{folder}/report.html and `dreamtext benchmark leaderboard`"
    )


@app.command()
def leaderboard(
    results: Annotated[Path, typer.Argument(help="Folder of results")] = RESULTS,
    metric: Annotated[str, typer.Option(help="What is shown first")] = "SeqAcc/raw",
    data: Annotated[str | None, typer.Option(help="Only this data set")] = None,
    task: Annotated[str | None, typer.Option(help="Only reconstruction or editing")] = None,
    licence: Annotated[str | None, typer.Option(help="Only licences that hold this text")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The page [default: RESULTS/leaderboard.html]")
    ] = None,
) -> None:
    """Rank the systems of all studies and brought folders on the samples they share.

    Writes the page, and beside it how the ranking changes with the measure (`measures/`); with a
    filter the page alone, and only where `--out` says.
    """
    from benchmarks.exchange import leaderboard as board
    from benchmarks.exchange import measures
    from benchmarks.exchange.standings import chosen, read

    filters = {"data": data, "task": task, "licence": licence}
    rows = chosen(read(results), **filters)
    shown = chosen(rows, metric=metric)
    typer.echo(board.text(shown))
    if out:
        board.write_page(out, rows, metric)
        typer.echo(f"{len(rows):,} scores; see {out}")
    elif not any(filters.values()):
        typer.echo(f"{len(rows):,} scores; see {board.write(results)}")
        if written := measures.write(results):
            typer.echo(f"how the ranking changes with the measure: {written}/README.md")


@app.command()
def model(
    folder: Annotated[Path, typer.Argument(help="Folder of an exported model")],
    task: Annotated[
        list[str] | None,
        typer.Option(help="reconstruction, editing; repeated for both [default: both]"),
    ] = None,
    n: Annotated[int, typer.Option(help="How many samples of each task")] = 288,
    runs: RunsOption = None,
) -> None:
    """Paint and score an exported model on its own data set; its scores, their values per image and
    its card are written beside it."""
    from benchmarks.exchange import cards, shipped
    from benchmarks.runs.manifest import Benchmark
    from dreamtext.configs.schema import from_dict
    from slurm.stopping import StopFlag

    asked = task or ["reconstruction", "editing"]
    tasks = [from_dict(Benchmark, {"task": name}).task for name in asked]
    with StopFlag() as stop:
        shipped.score(folder, root_of(runs), tasks, n, stop)
    typer.echo(cards.write(folder))


@app.command()
def card(
    folder: Annotated[Path, typer.Argument(help="Folder of an exported model")],
) -> None:
    """Write a model's card again from the files beside it, as `export-model` wrote it."""
    from benchmarks.exchange import cards

    typer.echo(cards.write(folder))
