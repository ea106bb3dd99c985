"""`dreamtext doctor`, `plan-memory` and `import-checkpoint`: what working at paper scale needs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dreamtext.weights.inventory import Found

Preset = Annotated[str, typer.Option(help="smoke, demo, tiny, small or paper")]
Objective = Annotated[
    str | None, typer.Option(help="paper, released or udifftext [default: the preset's]")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Overrides as section.key=value, such as model.unet.weights=FOLDER"),
]


def doctor(
    overrides: Overrides = None,
    preset: Preset = "paper",
    objective: Objective = None,
    files: Annotated[
        Path | None, typer.Option(help="Folder of files [default: $DREAMTEXT_FILES or ./files]")
    ] = None,
    hashes: Annotated[bool, typer.Option(help="Hash the weight files that are found")] = True,
) -> None:
    """List every weight, data set and system: what is missing, what is unpinned, how to get it.

    What is unpinned has no hash or revision known beforehand: it is used as it is found, and
    what was found is recorded with every run.
    """
    from baselines.doctor import examine_all
    from dreamtext.configs.presets import configured
    from dreamtext.errors import UserError
    from dreamtext.weights import inventory

    config = configured(preset, objective, overrides or [])
    if files and not files.is_dir():
        raise UserError(f"--files {files} is no folder; name the one that your files lie in")
    if preset != "paper" and not overrides:
        typer.echo(
            f"the preset {preset} needs no files but those that come along, and no other system. "
            "`dreamtext doctor` lists what the preset paper and its comparison need"
        )
        return
    absent = 0
    typer.echo(f"weights and data sets of the preset {preset}\n")
    for found in inventory.look(config, files or inventory.folder(), hashes=hashes):
        asset = found.asset
        absent += found.status != "found"
        named = f" ({asset.option})" if asset.option else ""
        typer.echo(f"{found.status:8}  {asset.name}")
        _tell("looked for at", f"{found.looked}{named}")
        _tell("hash", _hash(found))
        if found.status != "found":
            _tell("without it, no", asset.blocks)
            _tell("get it from", asset.source)
    typer.echo("\nsystems to compare with\n")
    for one in examine_all():
        typer.echo(f"{'ready' if one.ready else 'missing':8}  {one.name} ({one.kind})")
        _tell("lacks", ", ".join(dict.fromkeys(f.what for f in one.missing)))
        _tell("unpinned", ", ".join(one.unpinned))
        for remedy in dict.fromkeys(f.remedy for f in one.missing):
            _tell("get it so", remedy)
    typer.echo()
    typer.echo(
        f"{absent} of {len(inventory.ASSETS)} are not there; nothing is ever fetched. "
        "The presets smoke, demo, tiny and small need none of them."
    )


def _tell(what: str, value: str) -> None:
    """One line on an entry, left out where there is nothing to say."""
    if value:
        typer.echo(f"{'':10}{what + ':':16}{value}")


def _hash(found: "Found") -> str:
    """The hash found; for weights also whether one is known to compare it with."""
    if found.asset.kind == "data" or found.asset.sha256:
        return found.sha256[:12]
    return f"{found.sha256[:12]} unpinned".strip()


def plan_memory(
    overrides: Overrides = None,
    preset: Preset = "paper",
    objective: Objective = None,
    processes: Annotated[int, typer.Option(help="Processes (GPUs) that share the batch")] = 1,
    cards: Annotated[bool, typer.Option(help="Which batch fits on cards of 24 to 141 GiB")] = False,
    tflops: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="Also hours, at this rate of one GPU: its peak times what is used of it"
        ),
    ] = None,
) -> None:
    """Run one training step without data, and say what it needs; nothing is allocated."""
    from rich.console import Console
    from rich.table import Table

    from dreamtext.configs.presets import configured
    from dreamtext.configs.schema import override
    from dreamtext.training import memory

    config = configured(preset, objective, overrides or [])
    planned = memory.plan(config, processes)
    table = Table("part", "parameters (M)")
    for name, count in planned.parameters.items():
        table.add_row(name, f"{count / 1e6:.1f}")
    table.add_row("trained", f"{planned.trained / 1e6:.1f}")
    Console().print(table)
    table = Table("one process keeps", "GiB")
    for name in ("weights", "gradients", "optimizer", "average", "activations", "total"):
        table.add_row(name, f"{getattr(planned, name) / 2**30:.2f}")
    Console().print(table)
    typer.echo(
        f"The optimisers' step alone needs {planned.optimising / 2**30:.2f} GiB, whatever the "
        "batch: where that is the total, gradient checkpointing saves nothing."
    )
    steps = config.training.steps
    typer.echo(
        f"{planned.operations / 1e12:.3g} TFLOP a step, {planned.operations * steps / 1e15:.3g} "
        f"PFLOP in {steps:,} steps on each process"
        + (f": {planned.operations * steps / tflops / 3.6e15:.3g} hours" if tflops else "")
    )
    if not cards:
        return
    table = Table("card, GiB", "largest batch", "with gradient checkpointing")
    fits = [
        memory.largest_batches(override(config, [f"training.gradient_checkpointing={asked}"]))
        for asked in ("false", "true")
    ]
    for card in memory.CARDS:
        table.add_row(str(card), *(str(batches[card]) for batches in fits))
    Console().print(table)


def import_checkpoint(
    file: Annotated[Path, typer.Argument(help="A checkpoint in the released layout")],
    out: Annotated[Path, typer.Argument(help="The model's folder to write")],
    text_heads: Annotated[int, typer.Option(help="Heads of the character encoder")] = 8,
    unet_head_channels: Annotated[int, typer.Option(help="Width of a head of the U-Net")] = 64,
) -> None:
    """Read a checkpoint in the released layout (UDiffText's too) into a folder of our own."""
    from dreamtext.errors import UserError
    from dreamtext.weights.checkpoints import import_released, save_model

    if out.exists():
        raise UserError(f"{out} exists already; name a folder that does not")
    save_model(import_released(file, text_heads, unet_head_channels), out)
    typer.echo(out)


def export_checkpoint(
    model: Annotated[Path, typer.Argument(help="Folder of a trained or imported model")],
    file: Annotated[Path, typer.Argument(help="The .safetensors file to write")],
) -> None:
    """Write a model in the released layout."""
    from dreamtext.weights.checkpoints import load_model
    from dreamtext.weights.released import export_released

    export_released(load_model(model), file)
    typer.echo(file)


def export_unet(
    model: Annotated[Path, typer.Argument(help="Folder of a trained or imported model")],
    folder: Annotated[Path, typer.Argument(help="The diffusers folder to write")],
    half: Annotated[bool, typer.Option("--half", help="In half precision")] = False,
) -> None:
    """Write a model's U-Net as a diffusers folder: what `model.unet.weights` starts from."""
    from dreamtext.errors import UserError
    from dreamtext.weights.checkpoints import load_model

    if folder.exists():
        raise UserError(f"{folder} exists already; name a folder that does not")
    unet = load_model(model).unet
    (unet.half() if half else unet).save_pretrained(folder)
    typer.echo(folder)


def register(app: typer.Typer) -> None:
    """Put the five commands beside the others."""
    for command in (doctor, plan_memory, import_checkpoint, export_checkpoint, export_unet):
        app.command(command.__name__.replace("_", "-"))(command)
