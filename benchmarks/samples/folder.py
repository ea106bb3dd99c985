"""Reading a folder of samples: everything a metric may look at, and nothing of models or data.

samples.jsonl     one line a sample: id, source_word, word (painted), box, quad, noise_seed, and
                  the data set's attributes of it (`dreamtext.data.sample.Sample`); of a system
                  also status and reason; where known, neighbours: [{word, quad}], the other words
                  of the picture
truth/<id>.png    the real image     raw/<id>.png, composited/<id>.png    what was painted
target/<id>.png   of editing: the true picture of the painted word, where the data set can draw it
truth.npz         characters (N, H, W) uint8 index maps, has_characters (N,) bool; with target/
                  also target_characters, the painted words' maps
attention.npz     "<t:g>/<layer>" -> (N, L, h, w) float16, described by attention.json

Samples that a system does not support were never painted: they are no records, and no metric sees
them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from dreamtext.errors import UserError

Source = Literal["truth", "target", "raw", "composited"]
SAMPLES = "samples.jsonl"
TRUTH = "truth.npz"
TARGET = "target"
ATTENTION = "attention.npz"
ATTENTION_META = "attention.json"
Quad = tuple[tuple[float, float], ...]


class Unavailable(Exception):
    """A metric cannot be computed here; the message is the reason printed beside its null."""


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Another word of the picture, which is to stay as it is; `quad` as a record's."""

    word: str
    quad: Quad


@dataclass(frozen=True, kw_only=True)
class Record:
    """One line of samples.jsonl; `box` is x0, y0, x1, y1 in pixels, `quad` four x, y corners
    clockwise from the top left one in text orientation."""

    id: str
    source_word: str
    word: str
    box: tuple[int, int, int, int]
    quad: Quad
    neighbours: tuple[Neighbour, ...] = ()
    unsupported: str = ""  # the system's reason for not painting it


@dataclass(frozen=True)
class SampleFolder:
    """A folder of samples, checked once on reading.

    Raises:
        UserError: no samples, a missing or surplus image, images of different sizes, a box
            outside its image, or arrays with another number of samples.
    """

    path: Path

    @cached_property
    def lines(self) -> list[Record]:
        """Every line of samples.jsonl, also of samples that were not painted."""
        file = self.path / SAMPLES
        if not file.is_file():
            raise UserError(
                f"'{self.path}' is not a folder of samples: it has no samples.jsonl. Give the "
                "folder that `dreamtext sample` wrote."
            )
        lines = [line for line in file.read_text().splitlines() if line.strip()]
        if not lines:
            raise UserError(f"'{file}' is empty: 0 samples, at least 1 expected; sample again")
        records = []
        for number, line in enumerate(lines, 1):
            try:
                records.append(_record(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"line {number} of '{file}' is not a sample ({error!r}); expected JSON with "
                    "id, source_word, word, box and quad"
                ) from error
        if len({r.id for r in records}) < len(records):
            raise UserError(f"'{file}' lists {len(records)} samples but repeats an id")
        return records

    @cached_property
    def records(self) -> list[Record]:
        """The N samples that were painted, or tried."""
        return [r for r in self.lines if not r.unsupported]

    @cached_property
    def _kept(self) -> np.ndarray:
        """(N,) places of the records among all lines: arrays on disk have a row a line."""
        return np.flatnonzero([not r.unsupported for r in self.lines])

    def __len__(self) -> int:
        return len(self.records)

    @property
    def ids(self) -> list[str]:
        return [r.id for r in self.records]

    @property
    def reconstruction(self) -> bool:
        """Whether every sample was painted with the word it shows."""
        return all(r.word == r.source_word for r in self.records)

    @property
    def reference(self) -> Source:
        """Where the true pictures of the painted words are.

        Raises:
            Unavailable: other words were painted than the real images show, and there is no
                target/.
        """
        if (self.path / TARGET).is_dir():
            return "target"
        if not self.reconstruction:
            raise Unavailable(
                "other words were painted than the real images show (task editing), and there are "
                "no true pictures of them (target/)"
            )
        return "truth"

    @cached_property
    def dataset(self) -> str:
        """The data set's name by the manifest that was painted; "" without one."""
        file = self.path / "manifest.json"
        return json.loads(file.read_text())["dataset"] if file.is_file() else ""

    def check(self, source: Source) -> None:
        """Refuse a set of images that is not exactly one for each record."""
        if source in self._checked:
            return
        path = self.path / source
        if not path.is_dir():
            raise Unavailable(f"no {source} images in the folder of samples")
        there, wanted = {p.stem for p in path.glob("*.png")}, {r.id for r in self.lines}
        if there != wanted:
            odd = sorted(there ^ wanted)[0]
            raise UserError(
                f"'{path}' holds {len(there)} images, but samples.jsonl lists {len(wanted)} "
                f"(for instance '{odd}' is in only one of them); sample again into a new folder"
            )
        self._checked.add(source)

    @cached_property
    def _checked(self) -> set[Source]:
        return set()

    def image(self, source: Source, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB. Photographs may differ in size, but not from their truth."""
        import cv2

        self.check(source)
        record = self.records[index]
        file = self.path / source / f"{record.id}.png"
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if image is None:
            raise UserError(f"'{file}' cannot be read as an image; sample again")
        height, width = image.shape[:2]
        x0, y0, x1, y1 = record.box
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise UserError(
                f"the box {list(record.box)} of sample '{record.id}' is empty or outside its "
                f"{width} x {height} image '{source}/{record.id}.png'"
            )
        if source != "truth":
            real_height, real_width = self._size(index)
            if (height, width) != (real_height, real_width):
                raise UserError(
                    f"'{source}/{record.id}.png' is {width} x {height}, but its real image is "
                    f"{real_width} x {real_height}; metrics compare images of one size: resize "
                    "when sampling, not when scoring"
                )
        return np.ascontiguousarray(image[..., ::-1])

    def images(self, source: Source) -> Iterator[np.ndarray]:
        """Every image in the order of the records, read one at a time."""
        return (self.image(source, i) for i in range(len(self)))

    def _size(self, index: int) -> tuple[int, int]:
        from PIL import Image

        self.check("truth")
        with Image.open(self.path / "truth" / f"{self.records[index].id}.png") as image:
            return image.height, image.width

    @cached_property
    def characters(self) -> tuple[np.ndarray, np.ndarray]:
        """Index maps (N, H, W) uint8 of the painted words, and whether each is known (N,) bool."""
        file = self.path / TRUTH
        if not file.is_file():
            raise Unavailable(f"no ground-truth character masks ({file.name} is missing)")
        with np.load(file, allow_pickle=False) as arrays:
            if self.reconstruction:
                name, known = "characters", arrays["has_characters"].astype(bool)
            elif "target_characters" in arrays:
                name, known = "target_characters", np.ones(len(self.lines), bool)
            else:
                raise Unavailable(
                    "other words were painted than the real images show (task editing), and there "
                    "are no character masks of them (target_characters in truth.npz)"
                )
            maps = arrays[name]
        if len(maps) != len(self.lines) or len(known) != len(self.lines):
            raise UserError(
                f"'{file}' holds character masks of {len(maps)} samples, but samples.jsonl lists "
                f"{len(self.lines)}; both must come from one sampling: sample again"
            )
        return maps[self._kept], known[self._kept]

    @cached_property
    def attention_meta(self) -> dict:
        """Timesteps and layers ({name: [h, w]}) of the saved attention."""
        file = self.path / ATTENTION_META
        if not file.is_file() or not (self.path / ATTENTION).is_file():
            raise Unavailable(
                "no saved attention (attention.npz): only our own models save it, and in editing "
                "only where the true pictures are known"
            )
        return json.loads(file.read_text())

    def attention(self, timestep: float) -> dict[str, np.ndarray]:
        """Maps (N, L, h, w) float16 by layer at one saved timestep, averaged over heads."""
        meta, found = self.attention_meta, {}
        with np.load(self.path / ATTENTION, allow_pickle=False) as arrays:
            for layer, size in meta["layers"].items():
                key = f"{timestep:g}/{layer}"
                if key not in arrays:
                    raise Unavailable(
                        f"no saved attention '{key}'; saved are the timesteps "
                        f"{meta['timesteps']} and the layers {list(meta['layers'])}"
                    )
                maps = arrays[key]
                if len(maps) != len(self.lines):
                    raise UserError(
                        f"attention '{key}' of '{self.path}' has {len(maps)} samples, but "
                        f"samples.jsonl lists {len(self.lines)}; sample again"
                    )
                if list(maps.shape[-2:]) != list(size):
                    raise UserError(
                        f"attention '{key}' of '{self.path}' is {maps.shape[-2]} x "
                        f"{maps.shape[-1]}, but attention.json says {size[0]} x {size[1]}; "
                        "sample again"
                    )
                found[layer] = maps[self._kept]
        return found


def _record(values: dict) -> Record:
    x0, y0, x1, y1 = (int(v) for v in values["box"])
    return Record(
        id=str(values["id"]),
        source_word=values["source_word"],
        word=values["word"],
        box=(x0, y0, x1, y1),
        quad=_quad(values.get("quad") or [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]),
        neighbours=tuple(
            Neighbour(word=str(n["word"]), quad=_quad(n["quad"]))
            for n in values.get("neighbours") or ()
        ),
        unsupported=(values.get("reason") or "no reason was given")
        if values.get("status") == "unsupported"
        else "",
    )


def _quad(corners: list) -> Quad:
    (a, b, c, d) = ((float(x), float(y)) for x, y in corners)
    return a, b, c, d
