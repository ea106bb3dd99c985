"""Writing an exported benchmark: a folder that anyone can paint on without this project.

What such a folder holds, and reading it: `dreamtext.data.exported`.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.request import PROMPT
from benchmarks.runs.manifest import Benchmark, Entry, Manifest, Task, draw, open_samples
from benchmarks.samples.painting import noise_seed
from dreamtext.configs.schema import signature, to_dict
from dreamtext.configs.sections import DataConfig, LabelConfig
from dreamtext.data.exported import (
    ABOUT,
    FIELDS,
    FROZEN,
    LINES,
    PROTOCOL,
    SCHEMA,
    Export,
    key_of,
    line_schema,
)
from dreamtext.errors import UserError
from dreamtext.files import file_hash, write_json, write_text, written_whole

if TYPE_CHECKING:
    from dreamtext.data.sample import Dataset, Sample


_NO_TARGET = {"target": "", "target_sha256": ""}


def export(
    out: Path, data: DataConfig, tasks: Sequence[Task], *, split: str, n: int, seeds: int = 1
) -> Export:
    """Write the benchmarks of one data set, one for each task, to a new or empty folder.

    Args:
        seeds: pictures to be painted of every sample and word, each from its own noise.

    Raises:
        UserError: the folder holds something, or the data set has fewer than n samples.
    """
    from dreamtext.data import is_export

    if out.exists() and any(out.iterdir()):
        raise UserError(f"'{out}' is not empty: give a new folder")
    if not tasks or seeds < 1:
        raise UserError("at least one task and one seed are needed")
    if is_export(data.root):
        raise UserError(f"'{data.root}' is an export itself: copy that folder, or use the data set")
    data = replace(data, labels=LabelConfig())  # errors of labels are for training alone
    manifests = {task: draw(data, Benchmark(task=task, split=split, n=n)) for task in tasks}
    hashes: dict[str, str] = {task: manifest.hash for task, manifest in manifests.items()}
    key = key_of(data, hashes, seeds)
    dataset = open_samples(data, manifests[tasks[0]])
    # The embedded world draws true pictures anew when scores are made, and nobody else needs them.
    targets = data.name != "embedded"
    lines = list(_lines(out, dataset, manifests, key, seeds, targets=targets))
    for task, manifest in manifests.items():
        manifest.write(out / FROZEN / f"{task}.json")
    write_text(out / LINES, "".join(json.dumps(line) + "\n" for line in lines))
    write_json(out / SCHEMA, line_schema())
    shutil.copyfile(Path(__file__).with_name("example.py"), out / "example.py")
    first = manifests[tasks[0]]
    about = {
        "protocol": PROTOCOL,
        "key": key,
        "data": to_dict(replace(data, root="")),
        "split": split,
        "revision": first.revision,
        "manifests": hashes,
        "seeds": seeds,
        "pictures": len(lines),
        "manifest_sha256": file_hash(out / LINES),
    }
    write_text(out / "README.md", readme(about))
    write_json(out / ABOUT, about)  # last: a folder with this file is whole
    return Export(out)


def _lines(
    out: Path,
    dataset: "Dataset",
    manifests: dict[Task, Manifest],
    key: str,
    seeds: int,
    *,
    targets: bool,
) -> Iterator[dict[str, Any]]:
    from tqdm import tqdm

    number, written = 0, dict[int, dict[str, Any]]()
    asked = [(task, e) for task, manifest in manifests.items() for e in manifest.entries]
    for task, entry in tqdm(asked, desc="exporting", unit=" samples"):
        if entry.index not in written:
            sample, others = dataset[entry.index], dataset.neighbours(entry.index)
            written[entry.index] = {
                **_write_sample(out, f"{len(written):05d}", sample),
                "neighbours": [{"word": w, "quad": _corners(quad)} for w, quad in others],
            }
        found = _write_target(out, dataset, entry) if targets else _NO_TARGET
        line = {**written[entry.index], **found}
        for seed in range(seeds):
            yield _line(f"{key}-{number:05d}", task, entry, seed, line)
            number += 1


def _line(id: str, task: Task, entry: Entry, seed: int, sample: dict[str, Any]) -> dict[str, Any]:
    found = {
        **sample,
        "id": id,
        "task": task,
        "index": entry.index,
        "word": entry.word,
        "prompt": PROMPT.format(word=entry.word),
        "seed": noise_seed(entry.noise_seed, seed),
    }
    return {name: found[name] for name in FIELDS}


def _write_sample(out: Path, name: str, sample: "Sample") -> dict[str, Any]:
    """Write a sample's pictures; what every line of it says of them."""
    image, mask = f"images/{name}.png", f"masks/{name}.png"
    _write_png(out / image, sample.image)
    _write_png(out / mask, sample.region.astype(np.uint8) * 255)
    characters = f"characters/{name}.png" if sample.has_characters else ""
    if characters:
        _write_png(out / characters, sample.characters)
    rows, columns = np.nonzero(sample.region)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return {
        "image": image,
        "mask": mask,
        "characters": characters,
        "width": sample.image.shape[1],
        "height": sample.image.shape[0],
        "box": [int(v) for v in box],
        "quad": _corners(sample.quad),
        "source_word": sample.word,
        "attributes": dict(sample.attributes),
        "sample": sample.id,
        "image_sha256": file_hash(out / image),
        "mask_sha256": file_hash(out / mask),
    }


def _write_target(out: Path, dataset: "Dataset", entry: Entry) -> dict[str, str]:
    """Write the true picture of another word, where the data set has one among its files."""
    true = dataset.target(entry.index, entry.word)
    if true is None:
        return _NO_TARGET
    path = f"targets/{entry.index:05d}-{signature(entry.word)}.png"
    _write_png(out / path, true.image)
    return {"target": path, "target_sha256": file_hash(out / path)}


def _corners(quad: np.ndarray) -> list[list[float]]:
    return [[float(v) for v in corner] for corner in quad]


def _write_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    with written_whole(path) as beside:
        Image.fromarray(pixels).save(beside)


def readme(about: dict[str, Any]) -> str:
    """The export's README: what to do, what counts, how it is scored."""
    fields = "\n".join(f"| `{name}` | {kind} | {told} |" for name, (kind, told) in FIELDS.items())
    tasks = " and ".join(about["manifests"])
    name = about["data"]["name"]
    return f"""# Scene text to paint: {name}, {tasks}, {about["pictures"]} pictures

For every line of `manifest.jsonl`, paint the word `word` into the crop `image` where `mask` is
white, and write the picture as `<id>.png`: RGB, of the crop's size. All pictures go into one
folder of your own (not this one). `example.py` does it with Pillow alone:

    python example.py my-results

Then, where the benchmark's project is installed:

    dreamtext benchmark score my-results --manifest manifest.jsonl --name "My system"
    dreamtext benchmark leaderboard

## What counts as fair

- Reconstruction paints the word that stands in the crop already; there, nothing inside the mask
  may be read. Editing paints another one, and may look at all of the crop.
- Use `seed` for any noise you draw, and paint each picture once: no picking among several, unless
  that is your method, and then say so in `system.json`.
- Pixels outside the mask may change; whether they do is measured. Paste them back only if that is
  part of your system.
- `characters/`, `targets/`, `neighbours`, `attributes` and other lines are for measures: do not
  paint from them.

`system.json` beside your pictures may say whose they are, each as text: `name`, `licence`, `url`,
`notes`. Several seeds of a sample and word are lines of their own.

## A line of the manifest

| key | type | |
|---|---|---|
{fields}

`manifest.schema.json` is its JSON schema. This export is `{about["key"]}` (every id begins with
it); `benchmark.json` holds the SHA-256 of `manifest.jsonl`, which holds those of all crops and
masks: a changed file is refused when scoring.
"""
