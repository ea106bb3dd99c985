"""A folder of anyone's images, with words and their corners, with or without character masks.

Either one file `words.jsonl`, a line an image:

    {"image": "shop/a.jpg", "split": "test", "words": [
        {"text": "CAFE", "quad": [[x, y], [x, y], [x, y], [x, y]], "characters": [1, 2, 3, 4]}]}

`quad`: pixels, clockwise from the top left corner as one reads. `characters`, where known: each
character's value (1 to 254, no two alike) in the 8-bit image `shop/a.characters.png` beside the
image, 0 being none. `split`: train, validation or test; without one it is test. A word that cannot
be read is "###".

Or ICDAR's text format: beside or apart from `NAME.jpg` a file `gt_NAME.txt` or `NAME.txt`, a line a
word, `x1,y1,x2,y2,x3,y3,x4,y4,TEXT` (2015) or `left,top,right,bottom,"TEXT"` (2013). The split is
in a folder's name, else it is test. It tells no characters.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dreamtext.data.annotation import Annotation, Mark, Reason
from dreamtext.data.icdar13 import (
    IMAGES,
    NUMBER,
    decode_text,
    files_below,
    parse_line,
    picture_id,
)
from dreamtext.data.index import FOLDER
from dreamtext.data.instances import InstanceMasks, values_of
from dreamtext.data.splits import SPLITS
from dreamtext.errors import UserError

LINES = "words.jsonl"
_MASK = ".characters.png"
_DEPTH = 6
_CORNERS = re.compile(r"\s*" + r"(?:\s*,\s*|\s+)".join([NUMBER] * 8) + r"\s*,\s*(.*)", re.I)
_SPLIT_WORDS = {"train": "train", "val": "validation", "test": "test"}


class ImageFolder(InstanceMasks):
    """The generic format."""

    name = "folder"

    def look(self, root: Path) -> None:
        if not root.is_dir() or next(self.items(root), None) is None:
            raise UserError(
                f"{root} is not a folder of images with words: '{LINES}' with a line an image, or "
                "a 'gt_NAME.txt' or 'NAME.txt' for every image, were looked for and none was found"
            )

    def total(self, root: Path) -> int | None:
        return sum(1 for _ in self.items(root))

    def items(self, root: Path) -> Iterator[Any]:
        """A line of `words.jsonl`; else (annotation's path, image's path or None, split)."""
        if (root / LINES).is_file():
            with (root / LINES).open(encoding="utf-8-sig", errors="replace") as lines:
                yield from (line for line in lines if line.strip())
        else:
            yield from _annotated(root)

    def read(self, root: Path, item: Any) -> Annotation:
        return _from_line(item) if isinstance(item, str) else _from_text(root, *item)

    def companions(self, image: str) -> tuple[str, ...]:
        return (os.path.splitext(image)[0] + _MASK,)


def _from_line(line: str) -> Annotation:
    try:
        values = json.loads(line)
        image, words = values["image"], values["words"]
        split = values.get("split", "test")
        if not isinstance(image, str) or not isinstance(words, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Annotation(line[:60].strip(), "test", fault=Reason.DAMAGED)
    if split not in SPLITS:
        return Annotation(image, "test", fault=Reason.NO_SPLIT)
    marks, dropped = [], Counter[Reason]()
    for word in words:
        mark = _mark(word)
        if isinstance(mark, Reason):
            dropped[mark] += 1
        else:
            marks.append(mark)
    return Annotation(image, split, tuple(marks), dropped)


def _mark(word: Any) -> Mark | Reason:
    try:
        text = word["text"].strip()
        with np.errstate(over="ignore"):
            quad = np.array(word["quad"], np.float64).reshape(4, 2).astype(np.float32)
        listed = word.get("characters")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return Reason.DAMAGED
    if listed is None:
        return Mark(text, quad)
    parts = values_of(listed, len(text))
    return parts if isinstance(parts, Reason) else Mark(text, quad, parts)


def _annotated(root: Path) -> Iterator[tuple[str, str | None, str]]:
    texts: list[tuple[str, tuple[str, str]]] = []
    images: dict[tuple[str, str], str] = {}
    for path in files_below(root, "", _DEPTH):
        if path.startswith(f"{FOLDER}/"):
            continue
        stem, suffix = os.path.splitext(path.rsplit("/", 1)[-1])
        split = _split(path)
        if suffix.lower() == ".txt":
            texts.append((path, (split, picture_id(stem.lower().removeprefix("gt_")))))
        elif suffix.lower() in IMAGES:
            images.setdefault((split, picture_id(stem)), path)
    # Other text files, as a README, go with no image: they count only where images have none.
    paired = [(path, images.get(key), key[0]) for path, key in sorted(texts)]
    named = [p for p in paired if p[1] or p[0].rsplit("/", 1)[-1].lower().startswith("gt_")]
    yield from named


def _from_text(root: Path, path: str, image: str | None, split: str) -> Annotation:
    if image is None:
        return Annotation(path, split, fault=Reason.IMAGE_MISSING)
    full = root / path
    if not full.resolve().is_relative_to(root.resolve()):
        return Annotation(image, split, fault=Reason.OUTSIDE_ROOT)
    try:
        text = decode_text(full.read_bytes())
    except OSError:
        return Annotation(image, split, fault=Reason.DAMAGED)
    marks, dropped = [], Counter[Reason]()
    for line in filter(str.strip, re.split(r"\r\n|\r|\n", text)):
        mark = _corners(line) or parse_line(line)
        if mark is None:
            dropped[Reason.DAMAGED] += 1
        else:
            marks.append(mark)
    return Annotation(image, split, tuple(marks), dropped)


def _corners(line: str) -> Mark | None:
    """A line of ICDAR 2015; the text may hold commas, and quotes are its own."""
    match = _CORNERS.fullmatch(line)
    if match is None:
        return None
    with np.errstate(over="ignore"):
        quad = np.array([float(n) for n in match.groups()[:8]]).astype("f4")
    return Mark(match[9].strip(), quad.reshape(4, 2))


def _split(path: str) -> str:
    for folder in path.lower().split("/")[:-1]:
        for word, split in _SPLIT_WORDS.items():
            if word in folder:
                return split
    return "test"
