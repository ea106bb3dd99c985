"""What an annotation says, in one form for every data set, and why some of it is left out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from dreamtext.data.crop import Window


class Reason(StrEnum):
    """Why a word, or a whole image, is not in an index."""

    EMPTY = "the word is empty"
    TOO_LONG = "the word has more than 12 characters"
    FOREIGN = "the word has characters outside the 94"
    ILLEGIBLE = "marked as illegible"
    BOX_NOT_FINITE = "the box has coordinates that are no numbers"
    BOX_TANGLED = "the box is no quadrilateral with an area"
    BOX_REVERSED = "the corners run counter-clockwise"
    BOX_OUTSIDE = "less than half of the box lies in the image"
    TOO_SMALL = "the region is under the least area"
    MISCOUNTED = "words, boxes and characters do not add up"
    DAMAGED = "the annotation does not parse"
    NO_ANNOTATION = "the annotation is missing"
    NO_SPLIT = "in none of the data set's split lists"
    IMAGE_MISSING = "the image is missing"
    IMAGE_DAMAGED = "the image is truncated or unreadable"
    OUTSIDE_ROOT = "the file lies outside the data set's folder"
    MASK_MISSING = "the character mask is missing"
    MASK_DAMAGED = "the character mask is unreadable"
    LETTER_MISSING = "a letter of the word is not in the character mask"
    LETTER_AMBIGUOUS = "more pieces of a letter than the word has"
    LETTERS_DISORDERED = "the letters in the mask stand in another order"
    PAIR_MISSING = "the pair's other word or picture is missing"
    DIRECTION_UNCLEAR = "the box is taller than the word is long: direction of reading unclear"


@dataclass(frozen=True, eq=False)
class Mark:
    """One annotated word.

    Attributes:
        word: what stands there.
        quad: (4, 2) float32, corners in pixels (or on the annotation's grid), clockwise from the
            top left corner in text orientation.
        parts: float32, what the format says of each character: (L, 4, 2) corners (SynthText),
            (L,) instance values (TextSeg); None where it says nothing.
    """

    word: str
    quad: np.ndarray
    parts: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Annotation:
    """The words of one image.

    Attributes:
        image: the image's path below the root.
        split: train, validation or test.
        marks: the words that could be read.
        dropped: words lost while reading, by reason.
        fault: why the whole image is left out, if it is.
        grid: (width, height) of the coordinates; None: the image's own pixels.
        whole: whether the image is cut out around its word: it may then be as small as it likes.
    """

    image: str
    split: str
    marks: tuple[Mark, ...] = ()
    dropped: Counter[Reason] = field(default_factory=Counter)
    fault: Reason | None = None
    grid: tuple[int, int] | None = None
    whole: bool = False


class Files(Protocol):
    """Where a format's files are read from: a folder, or a shard that holds copies."""

    def read(self, path: str) -> bytes:
        """The bytes of a file named relative to the root; `OSError` where it cannot be had."""


class Folder:
    """Files below a folder. A path that leads outside of it is refused (`PermissionError`)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root.resolve()

    def find(self, path: str) -> Path:
        """The file's full path."""
        if PurePosixPath(path).is_absolute() or "\0" in path:
            raise PermissionError(f"'{path}' does not name a file below {self.root}")
        full = (self._real / path).resolve()
        if not full.is_relative_to(self._real):
            raise PermissionError(f"'{path}' leads outside of {self.root}")
        return full

    def read(self, path: str) -> bytes:
        return self.find(path).read_bytes()


class Format(Protocol):
    """One data set's layout. Methods raise `UserError` only in `look`; `read` never raises."""

    name: str
    carries_characters: bool

    def look(self, root: Path) -> None:
        """Refuse a root that is not this data set, saying what was looked for."""

    def total(self, root: Path) -> int | None:
        """How many items there are, where that is cheap to know."""

    def items(self, root: Path) -> Iterator[Any]:
        """Cheap, picklable handles of the annotations, always in the same order."""

    def read(self, root: Path, item: Any) -> Annotation:
        """The annotation behind a handle; what cannot be read is counted in it."""

    def check(self, files: Files, image: str, mark: Mark, size: tuple[int, int]) -> Reason | None:
        """Why the word's character mask cannot be used; None where it can (or there is none)."""

    def characters(
        self, files: Files, image: str, mark: Mark, size: tuple[int, int], window: Window
    ) -> np.ndarray | None:
        """(H, W) uint8 index map of the word's characters in the window; None: not known."""

    def companions(self, image: str) -> tuple[str, ...]:
        """The other files `characters` reads for an image, to be packed with it."""

    def pack(self, path: str, data: bytes) -> tuple[str, bytes]:
        """A companion's ending and content in a shard; `characters` must read it from there."""
