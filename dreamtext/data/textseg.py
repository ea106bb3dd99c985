"""TextSeg: 4,024 images with a mask per character instance, and the split in `split.json`.

`annotation/ID_anno.json` is `{word: {text, bbox[8], char: {k: {text, bbox, mask_value}}}}`; some
words lack `char` and are kept without character masks. `ID_mask.png` holds the mask values: 0
background, 255 to be ignored. `ID_maskeff.png` holds effects, not characters, and is not read.
"""

import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dreamtext.data import crop
from dreamtext.data.annotation import Annotation, Mark, Reason
from dreamtext.data.instances import IGNORE, InstanceMasks
from dreamtext.errors import UserError

_SUFFIX = "_anno.json"


class TextSeg(InstanceMasks):
    """The format of TextSeg."""

    name = "textseg"

    def look(self, root: Path) -> None:
        wanted = "'split.json', 'image/' and 'annotation/*_anno.json'"
        missing = [n for n in ("split.json", "image", "annotation") if not (root / n).exists()]
        if missing:
            raise UserError(
                f"{root} is not TextSeg: {wanted} were looked for; missing: {', '.join(missing)}"
            )
        try:
            _split_lists(root)
        except (ValueError, RecursionError, OSError) as error:
            raise UserError(
                f"{root / 'split.json'} cannot be read ({error}): lists of image ids named train, "
                "val and test were looked for"
            ) from error
        if next(self.items(root), None) is None:
            raise UserError(f"{root} is not TextSeg: {wanted} were looked for; no annotation found")

    def total(self, root: Path) -> int | None:
        return sum(1 for _ in self.items(root))

    def items(self, root: Path) -> Iterator[Any]:
        yield from sorted(p.name for p in (root / "annotation").glob("*" + _SUFFIX))

    def read(self, root: Path, item: str) -> Annotation:
        key = item.removesuffix(_SUFFIX)
        image = f"image/{key}.jpg"
        split = _split_lists(root).get(key)
        if split is None:
            return Annotation(image, "train", fault=Reason.NO_SPLIT)
        path = root / "annotation" / item
        if not path.resolve().is_relative_to(root.resolve()):
            return Annotation(image, split, fault=Reason.OUTSIDE_ROOT)
        try:
            values = json.loads(path.read_bytes().decode("utf-8-sig"))
        except (ValueError, RecursionError, OSError):
            return Annotation(image, split, fault=Reason.DAMAGED)
        if not isinstance(values, dict):
            return Annotation(image, split, fault=Reason.DAMAGED)
        marks, dropped = [], Counter[Reason]()
        for entry in values.values():
            mark = _parse(entry)
            if isinstance(mark, Reason):
                dropped[mark] += 1
            else:
                marks.append(mark)
        return Annotation(image, split, tuple(marks), dropped)

    def companions(self, image: str) -> tuple[str, ...]:
        key = image.removeprefix("image/").rsplit(".", 1)[0]
        return (f"annotation/{key}_mask.png",)


@lru_cache(maxsize=8)
def _split_lists(root: Path) -> dict[str, str]:
    lists = json.loads((root / "split.json").read_bytes().decode("utf-8-sig"))
    names = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
    if not isinstance(lists, dict) or not any(name in lists for name in names):
        raise ValueError("no list is named train, val or test")
    out: dict[str, str] = {}
    # A name in two lists goes to the later one here: never train on what is tested.
    for name, split in names.items():
        listed = lists.get(name, [])
        if not isinstance(listed, list):
            raise ValueError(f"'{name}' is not a list")
        out.update({str(key): split for key in listed})
    return out


def _parse(entry: Any) -> Mark | Reason:
    try:
        word, quad = entry["text"], _quad(entry["bbox"])
        if not isinstance(word, str):
            return Reason.DAMAGED
        word = word.strip()
        if "#" in word:
            return Reason.ILLEGIBLE
        listed = entry.get("char") or {}
        characters = [listed[k] for k in sorted(listed, key=_number)]
        values, centres = [], []
        if "".join(c["text"] for c in characters) == word:
            values = [c["mask_value"] for c in characters]
            centres = [_quad(c["bbox"]).mean(axis=0) for c in characters if "bbox" in c]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return Reason.DAMAGED
    if not all(isinstance(v, int) and 0 < v < IGNORE for v in values):
        return Reason.DAMAGED
    if len(set(values)) != len(values):
        return Reason.MISCOUNTED
    if np.isfinite(quad).all() and np.abs(quad).max() < 1e6:
        direction = (1.0, 0.0)
        if len(centres) > 1 and np.isfinite(centres).all():
            across, down = centres[-1] - centres[0]
            direction = (float(across), float(down))
        quad = crop.upright(quad, direction)
    return Mark(word, quad, np.array(values, np.float32) if values else None)


def _quad(values: Any) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.array([float(v) for v in values], np.float64).reshape(4, 2).astype(np.float32)


def _number(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdecimal() and len(key) < 10 else (1 << 40, key)
