"""`dreamtext data`: prepare, check, look at, freeze and pack data sets."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Prepare, check, look at, freeze and pack data sets.")

Name = Annotated[
    str,
    typer.Argument(
        help="embedded, synthtext, laion_ocr, icdar13, textseg, folder or scenepair",
        metavar="NAME",
    ),
]
FilesName = Annotated[
    str,
    typer.Argument(
        help="synthtext, laion_ocr, icdar13, textseg, folder or scenepair", metavar="NAME"
    ),
]
Root = Annotated[Path, typer.Argument(help="the data set's folder", metavar="ROOT")]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="such as data.height=512", metavar="[KEY=VALUE]...")
]


@app.command()
def prepare(
    name: FilesName,
    root: Root,
    index: Annotated[
        Path | None, typer.Option(help="where the index goes [default: inside ROOT]")
    ] = None,
    min_region: Annotated[
        float, typer.Option(help="least area of a region, as a share of 512 x 512 pixels")
    ] = 0.01,
    workers: Annotated[int, typer.Option(help="processes; 0: read in this one")] = 0,
) -> None:
    """Parse annotations once, filter, and write the index; resumes where it was stopped."""
    from dreamtext.data.prepare import prepare as run

    report = run(name, root, index, min_region=min_region, workers=workers)
    _print_report(report)


def _print_report(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{report['name']}, revision {report['revision']}")
    table.add_column("")
    table.add_column("words", justify="right")
    table.add_column("images", justify="right")
    seen = report["seen"]
    table.add_row("annotated", f"{seen['words']:,}", f"{seen['images']:,}")
    words, images = report["dropped_words"], report["dropped_images"]
    for reason in sorted({*words, *images}, key=lambda r: -words.get(r, 0) - images.get(r, 0)):
        counts = (words.get(reason, 0), images.get(reason, 0))
        table.add_row(f"  {reason}", *(f"{n:,}" if n else "" for n in counts))
    unused = seen.get("images without a usable word", 0)
    if unused:
        table.add_row("  no usable word left", "", f"{unused:,}")
    table.add_row("indexed", f"{report['words']:,}", f"{report['images']:,}", style="bold")
    for split, count in report["splits"].items():
        table.add_row(f"  {split}", f"{count:,}", "")
    if seen.get("without characters"):
        table.add_row("  of them without character masks", f"{seen['without characters']:,}", "")
    Console().print(table)


@app.command()
def check(
    name: FilesName,
    root: Root,
    threads: Annotated[int, typer.Option(help="files read at a time")] = 2,
) -> None:
    """Decode every file of a prepared data set; list the bad ones and exit 1 if there are any."""
    from dreamtext.data.check import check as run
    from dreamtext.data.index import open_index

    index = open_index(root, name)
    bad = run(index, index.folder / "check.json", threads=threads)
    for path, what in bad:
        typer.echo(f"{path}: {what}")
    typer.echo(f"{index.meta['images']:,} images checked, {len(bad):,} files are bad", err=True)
    if bad:
        raise typer.Exit(1)


@app.command()
def show(
    name: Name,
    overrides: Overrides = None,
    root: Annotated[Path | None, typer.Option(help="the prepared data set's folder")] = None,
    split: Annotated[str, typer.Option(help="which split")] = "train",
    n: Annotated[int, typer.Option(min=1, help="how many samples")] = 12,
    seed: Annotated[int, typer.Option(help="which samples are drawn")] = 0,
    out: Annotated[Path, typer.Option(help="the picture to write")] = Path("samples.jpg"),
) -> None:
    """Draw a sheet of samples: region and quad on the left, character masks on the right."""
    import numpy as np
    from PIL import Image

    from dreamtext.data import open_dataset
    from dreamtext.data.contact_sheet import sheet

    dataset = open_dataset(_data(name, root, overrides), split)
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:n]
    picture = sheet([dataset[int(i)] for i in sorted(chosen)])
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(out, quality=92)  # of a JPEG file; PNG has none
    typer.echo(f"{len(chosen)} of {len(dataset):,} samples of {name} ({split}) drawn in {out}")


@app.command()
def manifest(
    name: Name,
    overrides: Overrides = None,
    root: Annotated[Path | None, typer.Option(help="the prepared data set's folder")] = None,
    task: Annotated[str, typer.Option(help="reconstruction or editing")] = "editing",
    split: Annotated[str, typer.Option(help="which split")] = "test",
    n: Annotated[int, typer.Option(help="how many samples")] = 1000,
    seed: Annotated[int, typer.Option(help="of samples, words and noise")] = 0,
    out: Annotated[Path | None, typer.Option(help="the file to write")] = None,
) -> None:
    """Freeze which samples are repainted, with which words, from which noise."""
    from benchmarks.runs.manifest import Benchmark, draw
    from dreamtext.configs.schema import from_dict

    values = {"task": task, "split": split, "n": n, "seed": seed}
    drawn = draw(_data(name, root, overrides), from_dict(Benchmark, values))
    out = out or Path("manifests") / f"{name}-{task}-{split}-{n}-{seed}.json"
    drawn.write(out)
    typer.echo(f"{len(drawn.entries):,} entries of {name} frozen in {out}: manifest {drawn.hash}")


@app.command()
def shards(
    name: FilesName,
    root: Root,
    out: Annotated[Path, typer.Argument(help="a new folder, then a data.root of its own")],
    images: Annotated[int, typer.Option(help="images per shard")] = 1000,
) -> None:
    """Pack a prepared data set into WebDataset tar shards; resumes where it was stopped."""
    from dreamtext.data.index import open_index
    from dreamtext.data.packing import pack

    report = pack(open_index(root, name), out, images=images)
    typer.echo(
        f"{report['images']:,} images in {report['shards']['count']:,} shards in {out}; "
        f"use it with data.root={out}"
    )


@app.command()
def write(
    name: FilesName,
    folder: Annotated[Path, typer.Argument(help="a new folder")],
    overrides: Overrides = None,
    n: Annotated[int, typer.Option(help="pictures, of eight words each")] = 24,
) -> None:
    """Write pictures of the embedded world in a data set's own layout, to try `prepare` on.

    Two thirds go to training, the rest to validation and testing.
    """
    from dreamtext.data.embedded.world import EmbeddedWorld
    from dreamtext.data.writers import scenes
    from dreamtext.data.writers import write as run

    # Drawn at the size it has in the picture, with words as other data sets have them.
    finer = ("height=128", "width=256", "alphabet=alphanumeric", "max_word_length=8", "fonts=0")
    config = _data("embedded", None, [*(f"data.{v}" for v in finer), *(overrides or [])])
    held = max(1, n // 6)
    counts = {"train": max(1, n - 2 * held), "validation": held, "test": held}
    pictures = [
        scene
        for split, count in counts.items()
        for scene in scenes(EmbeddedWorld(config, split, count * 8), count, split)
    ]
    run(name, folder, pictures)
    typer.echo(f"{len(pictures)} pictures written in {folder}: prepare it next")


def _data(name: str, root: Path | None, overrides: list[str] | None) -> Any:
    """A data configuration, from a name, a folder and `data.key=value` overrides."""
    from dreamtext.configs.schema import override
    from dreamtext.configs.sections import Config

    given = [f"data.name={name}", *([f"data.root={root}"] if root else []), *(overrides or [])]
    return override(Config(), given).data
