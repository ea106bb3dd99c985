"""ScenePair (TextCtrl, arXiv 2410.10133): pairs of words of one photograph in the same style.

    i_s/   t_f/         crops of the first and of the second word of each pair, of the same name
    i_s.txt   i_t.txt   a line a pair: the crop's file name, white space, the word
    i_s_full.txt        the name, the word, the name of the photograph in i_full/, and where in it

A sample is the first crop, all of it to be repainted; editing paints the second word, and the
second crop is its true picture. Which photograph a crop is of is taken from i_s_full.txt where that
is there. The photographs themselves are not read: how their places are written is told nowhere, so
systems that need surroundings are not served by these pairs. All of it is for testing.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dreamtext.data import filter, images
from dreamtext.data.annotation import Annotation, Files, Mark, Reason
from dreamtext.data.crop import Window
from dreamtext.errors import UserError

FIRST, SECOND = "i_s", "t_f"
FIRST_WORDS, SECOND_WORDS, PLACES = "i_s.txt", "i_t.txt", "i_s_full.txt"
_PHOTOGRAPHS = "i_full"
_WHOLE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


class Pair(NamedTuple):
    """One line of i_s.txt and its line of i_t.txt; a word is "" where there is none."""

    name: str
    first: str
    second: str


class ScenePair:
    """The pairs' first crops as annotated pictures of one word each."""

    name = "scenepair"
    carries_characters = False

    def look(self, root: Path) -> None:
        for path, told in (
            (FIRST, "the folder of the first words' crops"),
            (SECOND, "the folder of the second words' crops"),
            (FIRST_WORDS, "a line a pair, file name and first word"),
            (SECOND_WORDS, "a line a pair, file name and second word"),
        ):
            if not (root / path).exists():
                raise UserError(
                    f"{root} is not ScenePair: '{path}' was looked for ({told}) and not found; "
                    "unpack the archive of TextCtrl's README and name its folder"
                )

    def total(self, root: Path) -> int | None:
        return len(words_of(root / FIRST_WORDS))

    def items(self, root: Path) -> Iterator[Pair]:
        second = words_of(root / SECOND_WORDS)
        for name, word in words_of(root / FIRST_WORDS).items():
            yield Pair(name, word, second.get(name, ""))

    def read(self, root: Path, item: Pair) -> Annotation:
        image = f"{FIRST}/{item.name}"
        if not item.first:
            return Annotation(image, "test", fault=Reason.DAMAGED)
        if not item.second:
            return Annotation(image, "test", fault=Reason.PAIR_MISSING)
        if reason := filter.reject_word(item.second):
            return Annotation(image, "test", dropped=Counter([reason]), whole=True)
        return Annotation(image, "test", (Mark(item.first, _WHOLE),), grid=(1, 1), whole=True)

    def check(self, files: Files, image: str, mark: Mark, size: tuple[int, int]) -> Reason | None:
        try:
            images.decode(files.read(second_crop(image)))
        except PermissionError:
            return Reason.OUTSIDE_ROOT
        except (OSError, images.ImageError):
            return Reason.PAIR_MISSING
        return None

    def characters(
        self, files: Files, image: str, mark: Mark, size: tuple[int, int], window: Window
    ) -> np.ndarray | None:
        return None

    def companions(self, image: str) -> tuple[str, ...]:
        return (second_crop(image),)

    def pack(self, path: str, data: bytes) -> tuple[str, bytes]:
        raise UserError(
            "ScenePair is not packed into shards: its pairs are a few small files, and their words "
            "stand in files of their own; use the prepared folder as it is"
        )


def words_of(path: Path) -> dict[str, str]:
    """The word of each file name in `i_s.txt` or `i_t.txt`, in order; "" where a line has no word,
    or names a picture again with another one."""
    found: dict[str, str] = {}
    for line in path.read_text("utf-8-sig", errors="replace").splitlines():
        name, *rest = line.split(maxsplit=1) or [""]
        word = rest[0].strip() if rest else ""
        if name:
            found[name] = word if found.get(name, word) == word else ""
    return found


def second_crop(image: str) -> str:
    """The path of a pair's second crop from that of its first."""
    return f"{SECOND}/{image.removeprefix(FIRST + '/')}"


def photographs(root: Path) -> dict[str, str]:
    """The photograph that each crop of i_s is of, by the crop's file name; {} where nothing tells.

    A line of i_s_full.txt is known to hold its name; its other parts are taken by what they name.
    """
    try:
        there = {entry.name for entry in os.scandir(root / _PHOTOGRAPHS)}
        lines = (root / PLACES).read_text("utf-8-sig", errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, *others = re.split(r"[\s,;]+", line.strip())
        for other in map(os.path.basename, others):
            if other in there:
                found[name] = other
    return found
