"""`dreamtext baselines`: which systems there are, and what each still needs here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from baselines.doctor import Diagnosis

app = typer.Typer(no_args_is_help=True, help="The systems DreamText is compared with.")

Settings = Annotated[
    list[str] | None,
    typer.Argument(help="such as checkout=FOLDER weights=FOLDER", metavar="[KEY=VALUE]..."),
]


@app.command("list")
def list_systems() -> None:
    """Every system: where it runs, whether it is ready, its licence."""
    from baselines.doctor import examine_all

    for diagnosis in examine_all():
        lacks = ", ".join(dict.fromkeys(finding.what for finding in diagnosis.missing))
        state = "ready" if diagnosis.ready else f"missing: {lacks}"
        typer.echo(f"{diagnosis.name:20} {diagnosis.kind:12} {state}")
        typer.echo(f"{'':20} {diagnosis.summary}; licence: {diagnosis.licence}")


@app.command()
def doctor(
    name: Annotated[str, typer.Argument(help="a system, as `dreamtext baselines list` names it")],
    settings: Settings = None,
    smoke: Annotated[bool, typer.Option(help="paint one sample if nothing is missing")] = True,
) -> None:
    """Check a system's checkout, revision, weights and environment, and paint one sample.

    Exits with 1 if something is missing.
    """
    from baselines.doctor import examine

    diagnosis = examine(name, settings or [], smoke=smoke, hashes=True)
    print_diagnosis(diagnosis)
    raise typer.Exit(0 if diagnosis.ready else 1)


@app.command("new")
def new_system(
    name: Annotated[str, typer.Argument(help="how it will be listed, as flux-text")],
    root: Annotated[Path, typer.Option(help="the checkout of this project")] = Path("."),
) -> None:
    """Write the skeleton of a wrapper around another system: four files that pass the tests."""
    from baselines.skeleton import write_skeleton

    for path in write_skeleton(name, root):
        typer.echo(f"wrote {path}")
    typer.echo(f"try it: pytest tests/baselines/test_runners.py -k {name}")


def print_diagnosis(diagnosis: "Diagnosis") -> None:
    """A system's findings, each with its remedy."""
    state = "ready" if diagnosis.ready else "not ready"
    typer.echo(f"{diagnosis.name} ({diagnosis.kind}): {state}")
    for finding in diagnosis.findings:
        typer.echo(f"  {'ok     ' if finding.ok else 'missing'} {finding.what}: {finding.detail}")
        if not finding.ok and finding.remedy:
            typer.echo(f"          {finding.remedy}")
