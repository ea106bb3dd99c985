"""`dreamtext masks`: the laboratory for latent character masks."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Latent character masks from saved attention: sweep their settings without sampling "
    "again, compare two runs, relate them to SeqAcc.",
    no_args_is_help=True,
)

RunArgument = Annotated[
    str, typer.Argument(help="A sample stage (its folder or name), task reconstruction")
]
RunsOption = Annotated[
    Path | None, typer.Option("--runs", help="Folder of runs [default: $DREAMTEXT_RUNS or ./runs]")
]
Timestep = Annotated[
    float | None, typer.Option(help="A saved timestep (1: noise) [default: the middle one]")
]


@app.command()
def sweep(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="Where it goes [default: results/mask_lab/<run>]")
    ] = None,
    blur: Annotated[
        list[str] | None, typer.Option(help="kernel,sigma in cells, as 3,1; may be repeated")
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="std:2, otsu, percentile:90, area:0.5 (of a character's share of the region) or "
            "argmax:1 (largest of the word, above mean + 1 std); may be repeated"
        ),
    ] = None,
    layers: Annotated[
        list[str] | None, typer.Option(help="A layer's name, or all; may be repeated")
    ] = None,
    timestep: Annotated[
        list[float] | None, typer.Option(help="A saved timestep; may be repeated")
    ] = None,
    runs: RunsOption = None,
) -> None:
    """Try every combination of blur, rule, layers and timestep on one run's saved attention."""
    from benchmarks.mask_lab import report
    from benchmarks.mask_lab import sweep as laboratory
    from benchmarks.mask_lab.rules import parse
    from benchmarks.runs.folder import default_root

    attention, title = report.open_run(run, runs or default_root())
    _known(timestep, attention.timesteps, "timestep")
    _known(layers, ["all", *attention.folder.attention_meta["layers"]], "layer")
    result = laboratory.sweep(
        attention,
        blurs=[_blur(text) for text in blur] if blur else laboratory.BLURS,
        rules=[parse(text) for text in rule] if rule else laboratory.RULES,
        layers=layers,
        timesteps=timestep,
        progress=True,
    )
    folder = out or Path("results", "mask_lab", attention.folder.path.name)
    typer.echo(report.write_sweep(attention, title, result, folder))
    typer.echo(f"table, figures and galleries are in {folder}")


@app.command()
def grid(
    run: Annotated[
        list[str], typer.Argument(help="Sample stages of one variant's seeds, reconstruction")
    ],
    out: Annotated[Path, typer.Option(help="Where it goes")] = Path("results/mask_lab/grid"),
    timestep: Timestep = None,
    runs: RunsOption = None,
) -> None:
    """Every blur and threshold on the maps of one variant's seeds together, with intervals, and
    what each differs from the variant's own."""
    from benchmarks.mask_lab import grid as laboratory
    from benchmarks.mask_lab import report
    from benchmarks.mask_lab.sweep import default_setting
    from benchmarks.runs.folder import default_root

    opened = [report.open_run(name, runs or default_root()) for name in run]
    attentions, titles = zip(*opened, strict=True)
    for one in attentions:
        _known([timestep] if timestep is not None else None, one.timesteps, "timestep")
    own = default_setting(attentions[0], timestep)
    typer.echo(laboratory.write(attentions, titles, own.timestep, out))
    typer.echo(f"table and figure are in {out}")


@app.command()
def compare(
    a: RunArgument,
    b: Annotated[
        str,
        typer.Argument(
            help="Another run, or a folder of masks (<id>.png, 8-bit index maps, or <id>.npy, soft "
            "maps of the characters)"
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where it goes")] = Path("results/mask_lab/compare"),
    timestep: Timestep = None,
    runs: RunsOption = None,
) -> None:
    """Two runs' masks, or a run's and any others, side by side against ground truth: IoU,
    precision, recall and boundary F; of maps, average precision and the mass inside."""
    from benchmarks.mask_lab import report
    from benchmarks.mask_lab.compare import is_folder_of_masks
    from benchmarks.runs.folder import default_root

    root = runs or default_root()
    attention, title = report.open_run(a, root)
    _known([timestep] if timestep is not None else None, attention.timesteps, "timestep")
    brought = is_folder_of_masks(Path(b))
    other, other_title = (Path(b), b) if brought else report.open_run(b, root)
    typer.echo(report.write_comparison(attention, title, other, other_title, timestep, out))
    typer.echo(f"table and gallery are in {out}")


@app.command()
def relate(
    run: Annotated[list[str], typer.Argument(help="Sample stages, task reconstruction")],
    out: Annotated[Path, typer.Option(help="Where it goes")] = Path("results/mask_lab/relation"),
    timestep: Timestep = None,
    judge: Annotated[str, typer.Option(help="Who reads, as `score --judge`")] = "PP-OCRv6-small",
    runs: RunsOption = None,
) -> None:
    """Does mask quality go with SeqAcc, per sample and per variant?"""
    from benchmarks.mask_lab import report
    from benchmarks.metrics.options import Options
    from benchmarks.runs.folder import default_root

    options = Options(judge=judge)
    options.given()  # a judge that is not there is refused before any work
    values = []
    for name in run:
        attention, title = report.open_run(name, runs or default_root())
        _known([timestep] if timestep is not None else None, attention.timesteps, "timestep")
        values.append(report.relate(attention, title, timestep, options))
    typer.echo(report.write_relation(values, out))
    typer.echo(f"table and plot are in {out}")


def _blur(text: str) -> tuple[int, float]:
    from dreamtext.errors import UserError

    try:
        kernel, sigma = text.split(",")
        found = int(kernel), float(sigma)
        if found[0] < 1 or found[0] % 2 == 0 or found[1] <= 0:
            raise ValueError(text)
    except ValueError as error:
        raise UserError(
            f"'{text}' is no blur; write kernel,sigma with an odd kernel, as 3,1 (1,1: no blur)"
        ) from error
    return found


def _known(given: list | None, saved: list, what: str) -> None:
    from dreamtext.errors import UserError

    for value in given or ():
        if value not in saved:
            listed = ", ".join(map(str, saved))
            raise UserError(f"the {what} {value} was not saved; this run has {listed}")
