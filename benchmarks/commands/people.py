"""`dreamtext study human`: people vote between two variants, and their votes are read back."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.selection import Out, Selection, selecting
from benchmarks.commands.study import app


@app.command()
@selecting
def human(
    selection: Selection,
    of: Annotated[
        str | None, typer.Option(help="A|B, two variants [default: the primary contrast's]")
    ] = None,
    task: Annotated[str, typer.Option(help="The benchmark whose pictures are shown")] = "",
    votes: Annotated[
        list[Path] | None, typer.Option(help="A rater's exported votes; may be repeated")
    ] = None,
    out: Out = None,
) -> None:
    """Write the page on which people vote between two variants; with --votes, read votes back."""
    from benchmarks.report import human as people
    from dreamtext.errors import UserError

    study, folder = selection.study, selection.results_folder(out)
    sides = of.split("|") if of else []
    if not of and study.primary:
        sides = [study.primary.variant, study.primary.against]
    if len(sides) != 2:
        raise UserError("name two variants as --of 'A|B': the study declares no primary contrast")
    task = task or study.benchmarks[0].name
    asked, page = people.write(study, selection.cells, folder, sides[0], sides[1], task)
    typer.echo(f"{page}: {asked.a} or {asked.b}, {len(asked.ids)} samples of {task}")
    if votes:
        found = people.read(votes, asked)
        path = people.write_result(asked, found, folder)
        typer.echo(path.read_text())
