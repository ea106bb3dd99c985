"""`dreamtext runs pack|merge`: results from one machine to another, as one file."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.selection import CellsOption, RunsOption, Selection, root_of, selecting

app = typer.Typer(
    help="Results from one machine to another, checked by hash.", no_args_is_help=True
)


@app.command()
@selecting
def pack(
    selection: Selection,
    out: Annotated[Path, typer.Argument(help="The archive, as results.tar")],
    whole: Annotated[
        bool, typer.Option("--whole", help="Also the run folders: weights, samples, logs")
    ] = False,
) -> None:
    """Put a study's scored cells into one file, with the hash of everything in it."""
    from benchmarks.cells import archive
    from benchmarks.cells.keeping import keep_all

    keep_all([cell.score for cell in selection.cells], selection.store)
    kept = {cell.score.name for cell in selection.cells if cell.kept}
    runs = {run.name: run for cell in selection.cells for run in cell.runs} if whole else {}
    done = [run.folder for run in runs.values() if run.state == "done"]
    size = archive.pack([selection.store / name for name in sorted(kept)], done, out)
    left = len({cell.score.name for cell in selection.cells}) - len(kept)
    typer.echo(
        f"{out}: {len(kept)} cells{f' and {len(done)} of {len(runs)} run folders' if whole else ''}"
        f", {size / 1e6:.1f} MB{f'; {left} cells are not scored yet' if left else ''}"
    )


@app.command()
def merge(
    archive: Annotated[Path, typer.Argument(help="What `runs pack` wrote")],
    runs: RunsOption = None,
    cells: CellsOption = None,
    keep_mine: Annotated[
        bool, typer.Option("--keep-mine", help="Leave what is here in another form as it is")
    ] = False,
) -> None:
    """Bring an archive's cells and run folders here: all that is new, or nothing."""
    from benchmarks.cells import merging
    from benchmarks.cells.reader import default_store

    stores = merging.Stores((cells or default_store()).resolve(), root_of(runs))
    found = merging.merge(archive, stores, "keep" if keep_mine else "refuse")
    typer.echo(f"{len(found.new)} new, {len(found.same)} here already")
    for name in found.kept:
        typer.echo(f"yours was kept: {name}")
