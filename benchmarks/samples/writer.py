"""Writing a folder of samples: parts while it is painted, the files of `folder` at the end."""

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from benchmarks.runs.manifest import Entry, Manifest
from benchmarks.samples.folder import ATTENTION, ATTENTION_META, SAMPLES, TARGET, TRUTH
from dreamtext.errors import UserError
from dreamtext.files import write_json, write_text, written_whole

if TYPE_CHECKING:
    from dreamtext.data.sample import Dataset, Sample

CHUNK = 32
PARTS = "parts"

Arrays = dict[str, np.ndarray]
ANSWERED = ("status", "reason", "seconds")  # of systems that are not ours
_ATTENTION = "attention/"
_OF = "manifest"


def part_name(level: float, layer: str) -> str:
    """The name of an array of saved attention in a part."""
    return f"{_ATTENTION}{level:g}/{layer}"


@dataclass(frozen=True)
class Chunk:
    """The `number`-th `CHUNK` entries of a manifest: what is painted, kept and resumed as one."""

    number: int
    entries: Sequence[Entry]

    def path(self, folder: Path) -> Path:
        return folder / PARTS / f"{self.number:05d}.npz"


def chunks(manifest: Manifest) -> list[Chunk]:
    """All chunks of a manifest, in order."""
    starts = range(0, len(manifest.entries), CHUNK)
    return [
        Chunk(number, manifest.entries[start : start + CHUNK])
        for number, start in enumerate(starts)
    ]


def missing(manifest: Manifest, folder: Path) -> list[Chunk]:
    """The chunks that a folder has no part of yet."""
    if complete(folder):
        return []
    return [chunk for chunk in chunks(manifest) if not chunk.path(folder).exists()]


def complete(folder: Path) -> bool:
    """Whether a sample folder is written; it needs no parts any more."""
    return (folder / SAMPLES).exists()


def painted(folder: Path) -> int:
    """About how many entries a folder being painted has parts of."""
    return CHUNK * len(list((folder / PARTS).glob("?????.npz")))


def write_part(folder: Path, manifest: Manifest, chunk: Chunk, arrays: Arrays) -> None:
    """Keep what was painted for a chunk, whole or not at all, and of which manifest it is."""
    if complete(folder):
        return  # another process has painted it too, and finished
    with written_whole(chunk.path(folder)) as beside:
        np.savez(beside, allow_pickle=False, **{_OF: np.array(manifest.hash)}, **arrays)


def refuse_foreign(manifest: Manifest, folder: Path) -> None:
    """Before anything is painted: every part in the folder must be of this manifest.

    Raises:
        UserError: one is of another, or damaged.
    """
    if not complete(folder):
        for chunk in chunks(manifest):
            with suppress(FileNotFoundError):  # not painted yet, or another process has finished
                _read_part(folder, manifest, chunk, only=(_OF,))


def _read_part(folder: Path, manifest: Manifest, chunk: Chunk, only: Sequence[str] = ()) -> Arrays:
    """What was painted for a chunk; `only` some of its arrays."""
    path = chunk.path(folder)
    again = "delete it, and the same command paints it again"
    try:
        with np.load(path, allow_pickle=False) as part:
            arrays = {name: part[name] for name in only or part.files if name in part.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, BadZipFile) as error:
        raise UserError(f"the part {path} is damaged ({error}): {again}") from error
    found = str(arrays.pop(_OF, manifest.hash))  # earlier versions did not say
    if found != manifest.hash:
        raise UserError(
            f"the part {path} was painted for the manifest {found}, but this run's is "
            f"{manifest.hash}: {again}; in the run that it came from it can be finished"
        )
    return arrays


def target(dataset: "Dataset", entry: Entry, sample: "Sample") -> "Sample | None":
    """A sample as it would truly be with the word of its entry; None where nobody knows."""
    return sample if entry.word == sample.word else dataset.target(entry.index, entry.word)


def assemble(manifest: Manifest, dataset: "Dataset", folder: Path) -> None:
    """The sample folder's files from its parts: pictures, truth, attention, one line a sample.

    Raises:
        UserError: a part is damaged, or of another manifest.
    """
    if complete(folder):
        shutil.rmtree(folder / PARTS, ignore_errors=True)
        return
    from PIL import Image

    lines: list[dict[str, Any]] = []
    characters: list[np.ndarray] = []
    known: list[bool] = []
    painted_characters: list[np.ndarray] = []  # of editing, where its truth is known
    attention: dict[str, list[np.ndarray]] = {}
    for chunk in chunks(manifest):
        arrays = _read_part(folder, manifest, chunk)
        for place, entry in enumerate(chunk.entries):
            sample = dataset[entry.index]
            pictures = {"truth": sample.image}
            pictures |= {name: arrays[name][place] for name in ("raw", "composited")}
            true = target(dataset, entry, sample)
            if manifest.task == "editing" and true is not None:
                pictures[TARGET] = true.image
                if true.has_characters:
                    painted_characters.append(true.characters)
            for source, picture in pictures.items():
                (folder / source).mkdir(exist_ok=True)
                Image.fromarray(picture).save(folder / source / f"{sample.id}.png")
            characters.append(sample.characters)
            known.append(sample.has_characters)
            answer = {k: arrays[k][place].item() for k in ANSWERED if k in arrays}
            others = _neighbours(dataset, entry)
            lines.append(_line(sample, entry) | answer | others)
        for name, array in arrays.items():
            if name.startswith(_ATTENTION):
                attention.setdefault(name.removeprefix(_ATTENTION), []).append(array)
    maps = {"characters": np.stack(characters), "has_characters": np.array(known)}
    if len(painted_characters) == len(lines):
        maps["target_characters"] = np.stack(painted_characters)
    np.savez_compressed(folder / TRUTH, allow_pickle=False, **maps)
    if attention:
        _write_attention(folder, {k: np.concatenate(parts) for k, parts in attention.items()})
    # Last: a folder with this file is complete.
    write_text(folder / SAMPLES, "".join(json.dumps(line) + "\n" for line in lines))
    shutil.rmtree(folder / PARTS)


def _line(sample: "Sample", entry: Entry) -> dict[str, Any]:
    rows, columns = np.nonzero(sample.region)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    return {
        "id": sample.id,
        "source_word": sample.word,
        "word": entry.word,
        "box": [int(v) for v in box],
        "quad": _corners(sample.quad),
        "noise_seed": entry.noise_seed,
        **sample.attributes,
    }


def _neighbours(dataset: "Dataset", entry: Entry) -> dict[str, Any]:
    found = dataset.neighbours(entry.index)
    named = [{"word": word, "quad": _corners(quad)} for word, quad in found]
    return {"neighbours": named} if named else {}


def _corners(quad: np.ndarray) -> list[list[float]]:
    return [[round(float(v), 3) for v in corner] for corner in quad]


def _write_attention(folder: Path, maps: Arrays) -> None:
    np.savez(folder / ATTENTION, allow_pickle=False, **maps)
    layers = {name.split("/", 1)[1]: list(array.shape[2:]) for name, array in maps.items()}
    levels = sorted({float(name.split("/", 1)[0]) for name in maps})
    write_json(folder / ATTENTION_META, {"timesteps": levels, "layers": layers})
