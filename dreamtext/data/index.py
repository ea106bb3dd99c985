"""The index of a prepared data set: a row per word, in Arrow files that are mapped, not read.

A folder with `words.arrow` (image number, number of the word in it, word, quad, characters'
parts, split, length), `images.arrow` (path, width, height, bytes) and `index.json` (counts, what
was dropped and why, the revision), which is written last.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dreamtext.data.annotation import Files, Folder, Mark
from dreamtext.data.shards import TABLE, Shards
from dreamtext.data.splits import SPLITS
from dreamtext.errors import UserError

FOLDER = "dreamtext-index"
VERSION = 1

WORDS = pa.schema(
    [
        ("image", pa.uint32()),
        ("number", pa.uint32()),
        ("word", pa.string()),
        ("quad", pa.list_(pa.float32(), 8)),
        ("parts", pa.list_(pa.float32())),
        ("split", pa.uint8()),
        ("length", pa.uint8()),
    ]
)
IMAGES = pa.schema(
    [("path", pa.string()), ("width", pa.uint32()), ("height", pa.uint32()), ("bytes", pa.uint64())]
)


@dataclass(frozen=True, eq=False)
class Entry:
    """One indexed word: its image's path, size (width, height) and bytes, and the word."""

    image: str
    size: tuple[int, int]
    bytes: int
    number: int
    split: str
    mark: Mark

    @property
    def id(self) -> str:
        """A name that is a file name too: path without its ending, and the word's number."""
        stem = os.path.splitext(self.image)[0]
        return f"{stem.replace('/', '~')}-{self.number:03d}"


class _Rows:
    """Rows of a mapped Arrow file, addressed one by one."""

    def __init__(self, path: Path) -> None:
        self._file = pa.ipc.open_file(pa.memory_map(str(path)))
        self._batches = [self._file.get_batch(i) for i in range(self._file.num_record_batches)]
        self._starts = np.cumsum([0, *(b.num_rows for b in self._batches)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def row(self, index: int) -> dict[str, Any]:
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        batch, at = self._batches[which], index - int(self._starts[which])
        return {n: batch.column(i)[at] for i, n in enumerate(batch.schema.names)}

    def column(self, name: str) -> np.ndarray:
        """A whole column of numbers, copied."""
        parts = [b.column(b.schema.get_field_index(name)).to_numpy() for b in self._batches]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


class Index:
    """An opened index. Pickles as its path, so that workers map the files themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.meta = json.loads((folder / "index.json").read_text("utf-8"))
            self._words = _Rows(folder / "words.arrow")
            self._images = _Rows(folder / "images.arrow")
        except (OSError, ValueError, pa.ArrowException) as error:
            raise UserError(
                f"{folder} cannot be opened as an index ({error}); make it anew with "
                "'dreamtext data prepare NAME ROOT'"
            ) from error
        if self.meta.get("version") != VERSION:
            raise UserError(
                f"{folder} was written by another version (format {self.meta.get('version')}, "
                f"this one reads {VERSION}); make it anew with 'dreamtext data prepare'"
            )

    def __reduce__(self) -> tuple[type["Index"], tuple[Path]]:
        return Index, (self.folder,)

    def __len__(self) -> int:
        return len(self._words)

    @property
    def name(self) -> str:
        return str(self.meta["name"])

    @property
    def root(self) -> Path:
        """The data set's own folder."""
        root = Path(self.meta["root"])
        return root if root.is_absolute() else self.folder / root

    @property
    def revision(self) -> str:
        return str(self.meta["revision"])

    def files(self) -> Files:
        """Where the images and masks are read from: the data set's folder, or its shards."""
        if "shards" in self.meta:
            return Shards(self.folder / TABLE, self.root, self.name)
        return Folder(self.root)

    def rows(self, split: str | None = None, max_length: int = 12) -> np.ndarray:
        """(n,) uint32: the rows of a split (None: all) with words of at most `max_length`."""
        keep = self._words.column("length") <= max_length
        if split is not None:
            keep &= self._words.column("split") == SPLITS.index(split)
        return np.flatnonzero(keep).astype(np.uint32)

    def image_of(self, rows: np.ndarray) -> np.ndarray:
        """The image numbers of rows."""
        return self._words.column("image")[rows]

    def entry(self, row: int) -> Entry:
        """One word with its image."""
        values = self._words.row(row)
        image = self._images.row(values["image"].as_py())
        word = values["word"].as_py()
        parts = values["parts"].values.to_numpy(zero_copy_only=False)
        if len(parts) == 0:
            parts = None
        elif len(parts) == 8 * len(word):
            parts = parts.reshape(-1, 4, 2)
        return Entry(
            image=image["path"].as_py(),
            size=(image["width"].as_py(), image["height"].as_py()),
            bytes=image["bytes"].as_py(),
            number=values["number"].as_py(),
            split=SPLITS[values["split"].as_py()],
            mark=Mark(word, values["quad"].values.to_numpy().reshape(4, 2), parts),
        )

    def images(self) -> Iterator[tuple[str, tuple[int, int], int]]:
        """Every image: path, size (width, height), bytes."""
        for number in range(len(self._images)):
            yield self.image(number)

    def image(self, number: int) -> tuple[str, tuple[int, int], int]:
        """One image: path, size (width, height), bytes."""
        row = {k: v.as_py() for k, v in self._images.row(number).items()}
        return row["path"], (row["width"], row["height"]), row["bytes"]

    @property
    def image_count(self) -> int:
        return len(self._images)


def open_index(root: str | Path, name: str) -> Index:
    """The index of a data set: `root` is the data set's folder, or the index itself.

    Raises:
        UserError: not prepared, or prepared as another data set.
    """
    if not str(root):
        raise UserError(
            f"the data set '{name}' needs its folder: give data.root=FOLDER, prepared with "
            f"'dreamtext data prepare {name} FOLDER'"
        )
    root = Path(root)
    folder = root if (root / "index.json").is_file() else root / FOLDER
    if not (folder / "index.json").is_file():
        raise UserError(
            f"{root} has no index ({FOLDER}/index.json was looked for): make it once with "
            f"'dreamtext data prepare {name} {root}'"
        )
    index = Index(folder)
    if index.name != name:
        raise UserError(
            f"{folder} is an index of '{index.name}', but data.name is '{name}': give the one "
            "that fits"
        )
    return index
