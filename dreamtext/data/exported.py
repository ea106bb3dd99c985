"""An exported benchmark: a folder of crops, masks and words that anyone can paint on.

    benchmark.json           what it is: data set, tasks, its key, the manifest's hash
    manifest.jsonl           one line a picture to paint (`FIELDS`), with the hashes of its files
    manifest.schema.json     the JSON schema of such a line
    images/ masks/           the crops, and where to paint (white)
    characters/              for measures only: k where the word's k-th character stands
    targets/                 for measures only: true pictures of painted words, where there are any
    frozen/<task>.json       which samples they are in this project's own terms

`Export` reads and checks one. As `data.root` it stands in for the data set it was made of, for
those who do not have that.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dreamtext.configs.schema import from_dict, identity, signature
from dreamtext.configs.sections import DataConfig
from dreamtext.data.annotation import Folder
from dreamtext.data.sample import Dataset, Sample
from dreamtext.errors import UserError
from dreamtext.files import file_hash

PROTOCOL = 2  # of 1: without neighbours, attributes and targets
ABOUT = "benchmark.json"
LINES = "manifest.jsonl"
SCHEMA = "manifest.schema.json"
FROZEN = "frozen"

# name: (JSON type, what it is)
FIELDS: dict[str, tuple[str, str]] = {
    "id": ("string", "name of the picture to paint: write it as <id>.png"),
    "task": ("string", "reconstruction (the word that stands there) or editing (another one)"),
    "image": ("string", "path of the crop, an RGB PNG; the old word is still in it"),
    "mask": ("string", "path of the mask, white where the picture is to be painted"),
    "width": ("integer", "of crop, mask and result, in pixels"),
    "height": ("integer", "of crop, mask and result, in pixels"),
    "box": ("array", "x0, y0, x1, y1 around the mask in pixels, x1 and y1 exclusive"),
    "quad": ("array", "the word's four corners x, y in pixels, clockwise from its top left"),
    "source_word": ("string", "the word that stands in the crop"),
    "word": ("string", "the word to paint"),
    "prompt": ("string", "the same for systems that read a prompt"),
    "seed": ("integer", "of the noise, for systems that draw any"),
    "sample": ("string", "the sample's id in its data set"),
    "index": ("integer", "the sample's place in its split"),
    "image_sha256": ("string", "of the crop's file"),
    "mask_sha256": ("string", "of the mask's file"),
    "characters": ("string", "path of the character mask, for measures only; empty: not known"),
    "neighbours": ("array", "for measures only: the crop's other known words, each word and quad"),
    "target": ("string", "for measures only: path of the word's true picture; empty: not known"),
    "target_sha256": ("string", "of that file"),
    "attributes": ("object", "for measures only: what is known of the sample, as its photograph"),
}
_TYPES: dict[str, type] = {"string": str, "integer": int, "array": list, "object": dict}


def line_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of one line of the manifest."""
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    quad = {"items": pair, "minItems": 4, "maxItems": 4}
    neighbour = {
        "type": "object",
        "required": ["word", "quad"],
        "additionalProperties": False,
        "properties": {"word": {"type": "string"}, "quad": {"type": "array", **quad}},
    }
    exact: dict[str, dict[str, Any]] = {
        "task": {"enum": ["reconstruction", "editing"]},
        "box": {"items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
        "quad": quad,
        "neighbours": {"items": neighbour},
        "attributes": {"additionalProperties": {"type": ["string", "boolean"]}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A picture to paint, protocol {PROTOCOL}",
        "type": "object",
        "required": list(FIELDS),
        "additionalProperties": False,
        "properties": {
            name: {"type": kind, "description": meaning, **exact.get(name, {})}
            for name, (kind, meaning) in FIELDS.items()
        },
    }


def key_of(data: DataConfig, manifests: Mapping[str, str], seeds: int) -> str:
    """Eight hexadecimal digits that name an export: every id in it begins with them."""
    decided = {
        "protocol": PROTOCOL,
        "data": identity(data),
        "manifests": dict(manifests),
        "seeds": seeds,
    }
    return signature(decided)[:8]


@dataclass(frozen=True)
class Export:
    """An export's folder, read and checked.

    Raises:
        UserError: not an export, of another protocol, or changed since it was written.
    """

    folder: Path

    @classmethod
    def at(cls, path: Path) -> "Export":
        """The export in a folder, or the one whose manifest or `benchmark.json` is named."""
        return cls(path.parent if path.suffix in (".json", ".jsonl") else path)

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `benchmark.json` says."""
        path = self.folder / ABOUT
        try:
            about = json.loads(path.read_text("utf-8"))
            protocol = about["protocol"]
        except FileNotFoundError as error:
            raise UserError(
                f"'{self.folder}' is not an exported benchmark: it has no {ABOUT}. Make one with "
                "`dreamtext benchmark export`, and name its folder or its manifest.jsonl"
            ) from error
        except (ValueError, KeyError, TypeError, NotADirectoryError) as error:
            raise UserError(f"'{path}' is damaged ({error!r}); {_AGAIN}") from error
        if protocol != PROTOCOL:
            raise UserError(
                f"'{path}' is of protocol {protocol}, this version reads {PROTOCOL}: what was "
                f"painted on it cannot be scored by all of today's measures; {_AGAIN}, and paint it"
            )
        try:
            found = key_of(self._data(about), about["manifests"], about["seeds"])
        except (KeyError, TypeError) as error:
            raise UserError(f"'{path}' was edited ({error!r}); {_AGAIN}") from error
        if found != about["key"]:
            raise UserError(f"'{path}' was edited: its key is {found} now; {_AGAIN}")
        return about

    @staticmethod
    def _data(about: dict[str, Any]) -> DataConfig:
        return from_dict(DataConfig, about["data"])

    @property
    def data(self) -> DataConfig:
        """The data set's configuration; its root is this folder, unless it needs none."""
        found = self._data(self.about)
        return found if found.name == "embedded" else replace(found, root=str(self.folder))

    @property
    def key(self) -> str:
        return str(self.about["key"])

    @property
    def seeds(self) -> int:
        """How many pictures there are to paint of each sample and word, from different noise."""
        return int(self.about["seeds"])

    def frozen(self, task: str) -> Path:
        """The file of a task's manifest in this project's own terms."""
        return self.folder / FROZEN / f"{task}.json"

    @cached_property
    def lines(self) -> list[dict[str, Any]]:
        """Every picture to paint, as in `FIELDS`."""
        path = self.folder / LINES
        if not self.folder.is_dir():
            raise UserError(
                f"there is no export '{self.folder}'; `dreamtext benchmark export` makes one"
            )
        if not path.is_file():
            raise UserError(f"'{self.folder}' lacks its {LINES}; {_AGAIN}")
        if file_hash(path) != self.about["manifest_sha256"]:
            raise UserError(f"'{path}' was changed since it was written; {_AGAIN}")
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for number, line in enumerate(lines, 1):
            for name, (kind, _) in FIELDS.items():
                if not isinstance(line.get(name), _TYPES[kind]):
                    raise UserError(f"line {number} of '{path}' has no {kind} '{name}'; {_AGAIN}")
        return lines

    def check_files(self) -> None:
        """Refuse crops, masks and true pictures that are not as they were exported.

        Raises:
            UserError: names the files.
        """
        kinds = ("image", "mask", "target")
        files = {line[k]: line[f"{k}_sha256"] for line in self.lines for k in kinds if line[k]}
        below = Folder(self.folder)
        wrong = []
        for name, expected in files.items():
            try:
                if file_hash(below.find(name)) != expected:
                    wrong.append(name)
            except OSError:
                wrong.append(name)
        if wrong:
            shown = ", ".join(wrong[:5]) + (" ..." if len(wrong) > 5 else "")
            raise UserError(
                f"{len(wrong)} files of the export '{self.folder}' are missing or were changed: "
                f"{shown}; results belong in a folder of their own; {_AGAIN}"
            )


_AGAIN = "export it again, or take it from where it came"


class Exported(Dataset):
    """An export read as the data set it was made of: only the samples that are in it."""

    def __init__(self, config: DataConfig, split: str) -> None:
        self.config = config
        self.export = Export(Path(config.root))
        if split != self.export.about["split"]:
            raise UserError(
                f"the export '{config.root}' holds samples of the split "
                f"{self.export.about['split']}, not of {split}; the data set itself has all"
            )
        if identity(config) != identity(self.export.data):
            raise UserError(
                f"the export '{config.root}' was made with other settings of data.*: "
                f"{identity(self.export.data)}; the data set itself can be read with any"
            )

    @property
    def revision(self) -> str:
        return str(self.export.about["revision"])

    def __len__(self) -> int:
        return max(self._lines) + 1

    @cached_property
    def _lines(self) -> dict[int, dict[str, Any]]:
        return {line["index"]: line for line in self.export.lines}

    def __getitem__(self, index: int) -> Sample:
        from dreamtext.data import images

        if index not in self._lines:
            raise UserError(
                f"sample {index} is not in the export '{self.export.folder}', which has "
                f"{len(self._lines)}; name its own manifest with `file`, or use the data set itself"
            )
        line, below = self._lines[index], Folder(self.export.folder)
        image = images.decode(below.read(line["image"]))
        known = bool(line["characters"])
        return Sample(
            id=line["sample"],
            image=image,
            region=images.decode_labels(below.read(line["mask"])) > 0,
            word=line["source_word"],
            characters=images.decode_labels(below.read(line["characters"]))
            if known
            else np.zeros(image.shape[:2], np.uint8),
            has_characters=known,
            quad=np.array(line["quad"], np.float32),
            attributes=line["attributes"],
        )

    def target(self, index: int, word: str) -> Sample | None:
        path = self._targets.get((index, word))
        if path is None:
            return None
        from dreamtext.data import images

        picture = images.decode(Folder(self.export.folder).read(path))
        return replace(self[index].with_word(word), image=picture)

    @cached_property
    def _targets(self) -> dict[tuple[int, str], str]:
        found = {(line["index"], line["word"]): line["target"] for line in self.export.lines}
        return {key: path for key, path in found.items() if path}

    def neighbours(self, index: int) -> list[tuple[str, np.ndarray]]:
        return [
            (other["word"], np.array(other["quad"], np.float32))
            for other in self._lines[index]["neighbours"]
        ]
