"""ICDAR 2013, focused scene text: 229 training and 233 test images, a `gt_*.txt` for each.

Lines are `left, top, right, bottom, "TEXT"`, the training ones with spaces instead of commas. No
character masks. Files of a split are joined by their id; the split is in the folder's name. There
is no validation list: a tenth of the training images, by hash.
"""

import codecs
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dreamtext.data.annotation import Annotation, Files, Mark, Reason
from dreamtext.data.crop import Window
from dreamtext.data.splits import by_hash
from dreamtext.errors import UserError

NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+|nan|inf)(?:e[-+]?\d+)?)"
_LINE = re.compile(r"\s*" + r"(?:\s*,\s*|\s+)".join([NUMBER] * 4) + r"(?:\s*,\s*|\s+)(.*)", re.I)
IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
_DEPTH = 4


class Icdar13:
    """The format of ICDAR 2013."""

    name = "icdar13"
    carries_characters = False

    def look(self, root: Path) -> None:
        if not root.is_dir() or next(self.items(root), None) is None:
            raise UserError(
                f"{root} is not ICDAR13: 'gt_*.txt' files below folders with 'train' or 'test' in "
                "their names, and images of the same ids, were looked for and none was found"
            )

    def total(self, root: Path) -> int | None:
        return sum(1 for _ in self.items(root))

    def items(self, root: Path) -> Iterator[Any]:
        """(annotation's path, image's path or None, split), by annotation."""
        texts: list[tuple[str, str, str]] = []
        images: dict[tuple[str, str], str] = {}
        for path in files_below(root, "", _DEPTH):
            split = _split(path)
            stem, suffix = os.path.splitext(path.rsplit("/", 1)[-1])
            if split is None:
                continue
            if suffix.lower() == ".txt" and stem.lower().startswith("gt_"):
                texts.append((path, split, picture_id(stem[3:])))
            elif suffix.lower() in IMAGES:
                images.setdefault((split, picture_id(stem)), path)
        for path, split, key in sorted(texts):
            yield path, images.get((split, key)), split

    def read(self, root: Path, item: Any) -> Annotation:
        path, image, split = item
        if image is None:
            return Annotation(path, split, fault=Reason.IMAGE_MISSING)
        if split == "train":
            split = by_hash(image.rsplit("/", 1)[-1], validation=0.1, test=0.0)
        full = root / path
        if not full.resolve().is_relative_to(root.resolve()):
            return Annotation(image, split, fault=Reason.OUTSIDE_ROOT)
        try:
            text = decode_text(full.read_bytes())
        except OSError:
            return Annotation(image, split, fault=Reason.DAMAGED)
        marks, dropped = [], Counter[Reason]()
        for line in filter(str.strip, re.split(r"\r\n|\r|\n", text)):
            mark = parse_line(line)
            if mark is None:
                dropped[Reason.DAMAGED] += 1
            else:
                marks.append(mark)
        return Annotation(image, split, tuple(marks), dropped)

    def check(self, files: Files, image: str, mark: Mark, size: tuple[int, int]) -> Reason | None:
        return None

    def characters(
        self, files: Files, image: str, mark: Mark, size: tuple[int, int], window: Window
    ) -> np.ndarray | None:
        return None

    def companions(self, image: str) -> tuple[str, ...]:
        return ()

    def pack(self, path: str, data: bytes) -> tuple[str, bytes]:
        return path.rsplit(".", 1)[-1], data


def files_below(root: Path, below: str, depth: int) -> Iterator[str]:
    """Paths of the files in a folder of `root` and `depth` - 1 levels below it, sorted."""
    try:
        with os.scandir(root / below) as entries:
            found = sorted((e.name, e.is_dir()) for e in entries)
    except OSError:
        return
    for name, is_dir in found:
        path = f"{below}/{name}" if below else name
        if not is_dir:
            yield path
        elif depth > 1:
            yield from files_below(root, path, depth - 1)


def _split(path: str) -> str | None:
    folders = path.lower().split("/")[:-1]
    for folder in folders:
        if "train" in folder:
            return "train"
        if "test" in folder:
            return "test"
    return None


def picture_id(stem: str) -> str:
    """`img_12`, `12` -> `12`: annotations are named `gt_img_12` or `gt_12`."""
    return stem.lower().removeprefix("img_")


def decode_text(data: bytes) -> str:
    """The text of an annotation's file, in whichever encoding it was written."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Latin-1 takes any bytes; words it garbles have characters outside the 94.
        return data.decode("latin-1")


def parse_line(line: str) -> Mark | None:
    """A line of either kind; the text may hold commas and quotes."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    text = match[5].strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    with np.errstate(over="ignore"):
        left, top, right, bottom = np.array([float(n) for n in match.groups()[:4]]).astype("f4")
    quad = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return Mark(text.strip(), np.array(quad, np.float32))
