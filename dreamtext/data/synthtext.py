"""SynthText: 858,750 rendered images and one `gt.mat` with the corners of words and characters.

`wordBB` and `charBB` are (2, 4, N), x first; N = 1 collapses to (2, 4). The k-th character of
`txt` that is no white space is `charBB[:, :, k]`. There is no official split: the image's name
decides, by hash.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dreamtext.data import crop
from dreamtext.data.annotation import Annotation, Files, Mark, Reason
from dreamtext.data.crop import Window
from dreamtext.data.matfile import MatError, MatFile
from dreamtext.data.splits import by_hash
from dreamtext.errors import UserError

_VARIABLES = ("imnames", "wordBB", "charBB", "txt")


class SynthText:
    """The format of SynthText."""

    name = "synthtext"
    carries_characters = True

    def look(self, root: Path) -> None:
        path = root / "gt.mat"
        wanted = f"a folder with 'gt.mat' (cell arrays {', '.join(_VARIABLES)}) and its images"
        if not path.is_file():
            raise UserError(f"{root} is not SynthText: {wanted} was looked for; gt.mat is missing")
        try:
            names = MatFile(path).names
        except (MatError, OSError) as error:
            raise UserError(f"{path} cannot be read: {error}. {wanted} was looked for") from error
        missing = [v for v in _VARIABLES if v not in names]
        if missing:
            raise UserError(
                f"{path} is not SynthText's: it lacks {', '.join(missing)} (it has: "
                f"{', '.join(names) or 'nothing readable'}); {wanted} was looked for"
            )

    def total(self, root: Path) -> int | None:
        try:
            return MatFile(root / "gt.mat").count("imnames")
        except MatError:
            return None

    def items(self, root: Path) -> Iterator[Any]:
        mat = MatFile(root / "gt.mat")
        streams = [mat.cells(name) for name in _VARIABLES]
        left = self.total(root) or 0
        try:
            for row in zip(*streams, strict=False):
                yield row
                left -= 1
        except (MatError, ValueError):
            pass  # what follows the damage is lost; it is counted below
        for _ in range(left):
            yield None

    def read(self, root: Path, item: Any) -> Annotation:
        if item is None:
            return Annotation("gt.mat", "train", fault=Reason.DAMAGED)
        name, words, characters, text = item
        image = name[0].strip() if isinstance(name, list) and name else ""
        split = by_hash(image)
        if not image or not isinstance(text, list):
            return Annotation(image or "gt.mat", split, fault=Reason.DAMAGED)
        listed = " ".join(text).split()
        try:
            quads, parts = _corners(words), _corners(characters)
        except ValueError:
            return Annotation(image, split, fault=Reason.DAMAGED)
        ends = np.cumsum([0, *map(len, listed)])
        if len(listed) != len(quads) or ends[-1] != len(parts):
            return Annotation(image, split, fault=Reason.MISCOUNTED)
        return Annotation(
            image,
            split,
            tuple(
                Mark(word, quads[k], parts[ends[k] : ends[k + 1]]) for k, word in enumerate(listed)
            ),
        )

    def check(self, files: Files, image: str, mark: Mark, size: tuple[int, int]) -> Reason | None:
        if mark.parts is None or not np.isfinite(mark.parts).all():
            return Reason.BOX_NOT_FINITE
        return None

    def characters(
        self, files: Files, image: str, mark: Mark, size: tuple[int, int], window: Window
    ) -> np.ndarray | None:
        canvas = np.zeros((window.out_height, window.out_width), np.uint8)
        if mark.parts is None:
            return None
        for k, quad in enumerate(mark.parts.reshape(-1, 4, 2)):
            crop.fill(canvas, window.points(quad), k + 1)
        return canvas

    def companions(self, image: str) -> tuple[str, ...]:
        return ()

    def pack(self, path: str, data: bytes) -> tuple[str, bytes]:
        return path.rsplit(".", 1)[-1], data


def _corners(boxes: Any) -> np.ndarray:
    """(2, 4, n) or (2, 4) -> (n, 4, 2) float32."""
    if not isinstance(boxes, np.ndarray) or boxes.dtype.kind not in "fiu":
        raise ValueError("boxes are not numbers")
    if boxes.size == 0:
        return np.zeros((0, 4, 2), np.float32)
    if boxes.shape[:2] != (2, 4) or boxes.ndim > 3:
        raise ValueError(f"boxes have the shape {boxes.shape}, not (2, 4, n)")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(boxes.reshape(2, 4, -1).transpose(2, 1, 0), np.float32)
