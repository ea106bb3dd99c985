"""`dreamtext baselines`: which systems there are, and what each still needs here."""

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

    for found in examine_all():
        state = (
            "ready"
            if found.ready
            else "missing: " + ", ".join(dict.fromkeys(f.what for f in found.missing))
        )
        typer.echo(f"{found.name:20} {found.kind:12} {state}")
        typer.echo(f"{'':20} {found.summary}; licence: {found.licence}")


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

    found = examine(name, settings or [], smoke=smoke, hashes=True)
    print_diagnosis(found)
    raise typer.Exit(0 if found.ready else 1)


def print_diagnosis(found: "Diagnosis") -> None:
    """A system's findings, each with its remedy."""
    typer.echo(f"{found.name} ({found.kind}): {'ready' if found.ready else 'not ready'}")
    for finding in found.findings:
        typer.echo(f"  {'ok     ' if finding.ok else 'missing'} {finding.what}: {finding.detail}")
        if not finding.ok and finding.remedy:
            typer.echo(f"          {finding.remedy}")
