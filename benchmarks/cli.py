"""`dreamtext`: the front door. Nothing heavy is imported before a command needs it."""

import errno
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.commands import (  # noqa: F401 - some add to study's
    baselines,
    benchmark,
    data,
    grid,
    masks,
    metrics,
    people,
    reproduce,
    runs,
    scale,
    study,
    watch,
)
from benchmarks.commands.printing import print_table
from dreamtext.errors import RunError, UserError
from slurm.errors import SlurmError, SlurmInputError, SlurmWarning

if TYPE_CHECKING:
    from benchmarks.runs.folder import Run

app = typer.Typer(
    help="Run, ablate and compare DreamText, which paints a given word into a photograph.\n\n"
    "Start with `dreamtext study run supervision --preset smoke`, or paint a word "
    "with the model that comes along: `dreamtext edit photo.jpg --region 40,60,200,80 "
    "--word HELLO --out edited.png`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(study.app, name="study")
app.add_typer(data.app, name="data")
app.add_typer(masks.app, name="masks")
app.add_typer(baselines.app, name="baselines")
app.add_typer(benchmark.app, name="benchmark")
app.add_typer(runs.app, name="runs")
scale.register(app)
metrics.register(app)
reproduce.register(app)

Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Overrides as section.key=value, such as training.steps=600"),
]
RunsOption = Annotated[
    Path | None, typer.Option("--runs", help="Folder of runs [default: $DREAMTEXT_RUNS or ./runs]")
]
Force = Annotated[bool, typer.Option(help="Do the stage again even if it is done")]


@app.command()
def train(
    overrides: Overrides = None,
    preset: Annotated[str, typer.Option(help="smoke, demo, tiny, small or paper")] = "tiny",
    objective: Annotated[
        str | None, typer.Option(help="paper, released or udifftext [default: the preset's]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of its weights, batches and noise")] = 0,
    runs: RunsOption = None,
    force: Force = False,
) -> None:
    """Train one model; the run's folder is printed. The same command resumes it."""
    from dataclasses import replace

    from benchmarks.runs.folder import default_root
    from benchmarks.study.identities import train_run
    from dreamtext.configs.presets import configured

    config = replace(configured(preset, objective, overrides or []), seed=seed)
    _execute(train_run(config, runs or default_root(), f"{preset} seed {seed}"), force)


@app.command()
def sample(
    run: Annotated[Path, typer.Argument(help="Folder of a finished training run")],
    task: Annotated[str, typer.Option(help="reconstruction or editing")] = "reconstruction",
    n: Annotated[int, typer.Option(help="How many samples of the test split")] = 288,
    split: Annotated[str, typer.Option(help="test or validation")] = "test",
    fonts: Annotated[
        str, typer.Option(help="Only seen, unseen, script or display fonts (embedded world)")
    ] = "all",
    corruption: Annotated[
        str,
        typer.Option(help="low_resolution, blur, occlusion, clutter or rotation of the pictures"),
    ] = "none",
    severity: Annotated[float, typer.Option(help="Of the corruption, above 0 to 1")] = 0.0,
    manifest: Annotated[Path | None, typer.Option(help="A frozen manifest instead")] = None,
    guidance: Annotated[float | None, typer.Option(help="Classifier-free guidance")] = None,
    steps: Annotated[int | None, typer.Option(help="Solver steps")] = None,
    force: Force = False,
) -> None:
    """Repaint a benchmark's samples with a trained model; the folder is printed."""
    from benchmarks.launch.stages import config_of
    from benchmarks.runs.folder import load
    from benchmarks.runs.manifest import Benchmark
    from benchmarks.study.identities import sample_run
    from dreamtext.configs.schema import from_dict, override

    trained = load(run)
    if trained.stage != "train":
        raise UserError(f"{run} is a {trained.stage} run; sampling needs a training run")
    chosen = {"guidance": guidance, "steps": steps}
    config = override(
        config_of(trained), [f"sampling.{k}={v}" for k, v in chosen.items() if v is not None]
    )
    benchmark = from_dict(
        Benchmark,
        {
            "task": task,
            "n": n,
            "split": split,
            "fonts": fonts,
            "corruption": corruption,
            "severity": severity,
            "file": str(manifest) if manifest else "",
        },
    )
    _execute(sample_run(config, benchmark, trained, title=trained.title), force)


@app.command()
def score(
    run: Annotated[Path, typer.Argument(help="Folder of a finished sampling run")],
    judge: Annotated[
        str | None,
        typer.Option(
            help="Who reads: PP-OCRv6-small, PP-OCRv4, a folder in PaddleOCR's layout or a PARSeq "
            "checkpoint [default: as the run's configuration says, PP-OCRv6-small]"
        ),
    ] = None,
    inception: Annotated[
        Path | None, typer.Option(help="Your inception-2015-12-05.pt: adds FID and KID")
    ] = None,
    alexnet: Annotated[
        Path | None, typer.Option(help="Your alexnet-owt-7be5be79.pth: adds LPIPS")
    ] = None,
    second_judge: Annotated[
        str | None, typer.Option(help="Who else reads, as --judge [default: PP-OCRv4]")
    ] = None,
    inception_pytorch: Annotated[
        Path | None,
        typer.Option(help="Your pt_inception-2015-12-05-6726825d.pth: adds FID-pytorch"),
    ] = None,
    dinov2: Annotated[
        Path | None,
        typer.Option(help="Your folder of DINOv2: adds FD-DINOv2 and DINOv2-similarity"),
    ] = None,
    clip: Annotated[
        Path | None, typer.Option(help="Your folder of CLIP: adds CLIP-similarity")
    ] = None,
    force: Force = False,
) -> None:
    """Score a folder of samples and print the scores.

    A study takes the same as --set scoring.judge=..., --set scoring.inception=FILE and so on.
    """
    from dataclasses import replace

    from rich.table import Table

    from benchmarks.launch.stages import config_of
    from benchmarks.runs.folder import load
    from benchmarks.study.identities import score_run

    sampled = load(run)
    if sampled.stage != "sample":
        raise UserError(f"{run} is a {sampled.stage} run; scoring needs a sampling run")
    given = {
        "judge": judge,
        "second_judge": second_judge,
        "inception": inception,
        "inception_pytorch": inception_pytorch,
        "alexnet": alexnet,
        "dinov2": dinov2,
        "clip": clip,
    }
    scoring = {k: str(v) for k, v in given.items() if v is not None}
    config = config_of(sampled)
    config = replace(config, scoring=replace(config.scoring, **scoring))
    scored = score_run(config, sampled)
    _execute(scored, force)
    table = Table("metric", "value", "95 % interval", "n", "backbone or reason")
    for row in scored.scores():
        value = "-" if row["value"] is None else f"{row['value']:.4g}"
        interval = "" if row["low"] is None else f"{row['low']:.4g} to {row['high']:.4g}"
        table.add_row(
            row["metric"], value, interval, str(row["n"]), row["reason"] or row["backbone"]
        )
    print_table(table)


@app.command()
def edit(
    image: Annotated[Path, typer.Argument(help="A photograph")],
    word: Annotated[
        str, typer.Option(help="A word of 1 to 12 characters, or a line of several words")
    ],
    out: Annotated[Path, typer.Option(help="The edited photograph: .png, .jpg or .webp")],
    region: Annotated[str | None, typer.Option(help="X,Y,W,H in pixels: where it goes")] = None,
    polygon: Annotated[
        str | None,
        typer.Option(help="X1,Y1,...,X4,Y4 instead: its corners, clockwise from its top left"),
    ] = None,
    tries: Annotated[int, typer.Option(help="Pictures of each word, from different noise")] = 1,
    best_read: Annotated[
        bool, typer.Option("--best-read", help="Take the try that the judge reads best")
    ] = False,
    colours: Annotated[
        str, typer.Option(help="photograph: keep its ground and its text's colour; model: do not")
    ] = "photograph",
    sheet: Annotated[
        Path | None, typer.Option(help="Also a picture of before, after and all tries")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of a trained model [default: the one that comes along]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another try")] = 0,
) -> None:
    """Paint a word, or a line of words, into a place of a photograph."""
    from benchmarks.editing.edit import EMBEDDED_MODEL, Edit
    from benchmarks.editing.edit import edit as run

    if colours not in ("photograph", "model"):
        raise UserError(f"--colours takes photograph or model, not '{colours}'")
    asked = Edit(
        image=image,
        line=word,
        out=out,
        region=region,
        polygon=polygon,
        model=model or EMBEDDED_MODEL,
        seed=seed,
        tries=tries,
        best_read=best_read,
        colours="model" if colours == "model" else "photograph",
        sheet=sheet,
    )
    for line in run(asked):
        typer.echo(line)


@app.command("export-model")
def export_model(
    run: Annotated[Path, typer.Argument(help="Folder of a finished training run")],
    out: Annotated[Path, typer.Argument(help="Where the model goes")],
) -> None:
    """Write a trained model in half precision, small enough to ship, with its origin, the scores
    of its scored runs and a model card."""
    import torch

    from benchmarks.exchange import cards, shipped
    from benchmarks.runs.folder import PROVENANCE, load
    from dreamtext.files import write_json
    from dreamtext.weights.checkpoints import load_model, save_model

    trained = load(run)
    if trained.stage != "train" or trained.state != "done":
        raise UserError(f"{run} is no finished training run; name one with a DONE.json")
    save_model(load_model(trained.model), out, torch.float16)
    about = trained.provenance()
    about["git"].pop("diff", None)
    named = {"run": trained.name, "title": trained.title}
    named["data_revision"] = trained.identity["data_revision"]
    write_json(out / PROVENANCE, named | about)
    shipped.keep_scores(trained, out)
    cards.write(out)
    typer.echo(out)


def _execute(run: "Run", force: bool) -> None:
    from benchmarks.runs.work import forget, leads

    if force and leads() and run.folder.exists():
        forget(run)
    if run.state == "done":
        typer.echo(f"{run.folder}: already done, nothing to do", err=True)
    else:
        from benchmarks.launch.stages import execute
        from slurm.stopping import StopFlag

        with StopFlag() as stop:
            execute(run, stop)
    if leads():
        typer.echo(run.folder)


def main() -> None:
    """The `dreamtext` command: exit code 2 for misuse, 1 for failure, each with one paragraph."""
    warnings.formatwarning = _plainly
    try:
        app()
    except (UserError, SlurmInputError) as error:
        _leave(error, 2)
    except (RunError, SlurmError) as error:
        _leave(error, 1)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _leave(
                f"the disk is full ({error.filename or 'no file named'}); what was finished is "
                "kept. Free some space and run the same command to go on",
                1,
            )
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR):
            _leave(f"{error.strerror}: {error.filename}; check the path and its permissions", 1)
        raise


def _plainly(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
    usual: Callable[..., str] = warnings.formatwarning,
) -> str:
    """The launcher's warnings are for people; others keep the line they come from."""
    if issubclass(category, SlurmWarning):
        return f"dreamtext: {message}\n"
    return usual(message, category, filename, lineno, line)


def _leave(message: object, code: int) -> None:
    print(f"dreamtext: {message}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
