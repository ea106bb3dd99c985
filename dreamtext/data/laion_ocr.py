"""LAION-OCR (MARIO): a folder per image with `image.jpg`, `ocr.txt` and `charseg.npy`.

Quads lie on a 512 grid and start at any corner. `charseg.npy` holds a class per pixel at
256 x 256 (index + 1 in digits, lower, upper, punctuation, space); which letter of the word a
pixel belongs to is found by connected components, and words where that is unclear are left out.
"""

import io
import os
import string
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dreamtext.data import crop, images
from dreamtext.data.annotation import Annotation, Files, Mark, Reason
from dreamtext.data.crop import Window
from dreamtext.data.splits import by_hash
from dreamtext.errors import UserError

CLASSES = string.digits + string.ascii_lowercase + string.ascii_uppercase + string.punctuation + " "
GRID = (512, 512)
_TEST_LIST = "mario-laion-test-index.txt"
_DEPTH = 3
# A piece smaller than this share of a character's fair part of the box is noise.
_SPECK = 0.02
# A letter whose surplus piece reaches this share of its smallest kept piece is ambiguous.
_RIVAL = 0.5
# Pieces of which this share lies at the same place along the line are one letter.
_OVERLAP = 0.5


class LaionOcr:
    """The format of LAION-OCR."""

    name = "laion_ocr"
    carries_characters = True

    def __init__(self) -> None:
        self._lists: dict[Path, frozenset[str] | None] = {}

    def look(self, root: Path) -> None:
        if not root.is_dir() or next(self.items(root), None) is None:
            raise UserError(
                f"{root} is not LAION-OCR: folders with 'image.jpg', 'ocr.txt' and 'charseg.npy', "
                f"up to {_DEPTH} levels down, were looked for and none was found"
            )

    def total(self, root: Path) -> int | None:
        return None

    def items(self, root: Path) -> Iterator[Any]:
        yield from self._walk(root, "", _DEPTH)

    def _walk(self, root: Path, below: str, depth: int) -> Iterator[str]:
        try:
            with os.scandir(root / below) as entries:
                names = sorted(e.name for e in entries if e.is_dir())
        except OSError:
            return
        for name in names:
            path = f"{below}/{name}" if below else name
            if any((root / path / f).exists() for f in ("ocr.txt", "image.jpg")):
                yield path
            elif depth > 1:
                yield from self._walk(root, path, depth - 1)

    def read(self, root: Path, item: str) -> Annotation:
        image, split = f"{item}/image.jpg", self._split(root, item)
        path = root / item / "ocr.txt"
        if not path.resolve().is_relative_to(root.resolve()):
            return Annotation(image, split, fault=Reason.OUTSIDE_ROOT)
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return Annotation(image, split, fault=Reason.NO_ANNOTATION)
        except (OSError, UnicodeDecodeError):
            return Annotation(image, split, fault=Reason.DAMAGED)
        marks, dropped = [], Counter[Reason]()
        for line in filter(str.strip, text.split("\n")):
            mark = _parse(line.rstrip("\r"))
            if mark is None:
                dropped[Reason.DAMAGED] += 1
            else:
                marks.append(mark)
        return Annotation(image, split, tuple(marks), dropped, grid=GRID)

    def _split(self, root: Path, item: str) -> str:
        """By the test list where it is there, else by train/ and test/ folders, else by hash.

        The set has no validation list: 2 % of what is not for testing, by hash.
        """
        if root not in self._lists:
            self._lists[root] = _test_list(root)
        tests = self._lists[root]
        parts = item.split("/")
        key = "_".join(parts[-2:])
        if tests is not None:
            return "test" if key in tests else by_hash(key, test=0.0)
        if parts[0] in ("train", "test", "val", "validation"):
            split = parts[0].replace("val", "validation") if parts[0] == "val" else parts[0]
            has_validation = (root / "val").is_dir() or (root / "validation").is_dir()
            return by_hash(key, test=0.0) if split == "train" and not has_validation else split
        return by_hash(key)

    def check(self, files: Files, image: str, mark: Mark, size: tuple[int, int]) -> Reason | None:
        classes = self._classes(files, image)
        if isinstance(classes, Reason):
            return classes
        found = separate(classes, _to_map(mark.quad, size, classes), mark.word)
        return found if isinstance(found, Reason) else None

    def characters(
        self, files: Files, image: str, mark: Mark, size: tuple[int, int], window: Window
    ) -> np.ndarray | None:
        classes = self._classes(files, image)
        if isinstance(classes, Reason):
            return None
        found = separate(classes, _to_map(mark.quad, size, classes), mark.word)
        return None if isinstance(found, Reason) else window.labels(found, size)

    def _classes(self, files: Files, image: str) -> np.ndarray | Reason:
        try:
            data = files.read(self.companions(image)[0])
        except PermissionError:
            return Reason.OUTSIDE_ROOT
        except OSError:
            return Reason.MASK_MISSING
        return read_classes(data)

    def companions(self, image: str) -> tuple[str, ...]:
        return (image.removesuffix("image.jpg") + "charseg.npy",)

    def pack(self, path: str, data: bytes) -> tuple[str, bytes]:
        """As a PNG file: half a megabyte of 64-bit classes becomes a few kilobytes."""
        classes = read_classes(data)
        if isinstance(classes, Reason):
            return "charseg.npy", data
        return "charseg.png", cv2.imencode(".png", classes)[1].tobytes()


def _test_list(root: Path) -> frozenset[str] | None:
    for path in (root / _TEST_LIST, root / "mario_laion_image_url" / _TEST_LIST):
        if path.is_file():
            return frozenset(path.read_text("utf-8", "replace").split())
    return None


def _parse(line: str) -> Mark | None:
    """`TEXT x1,y1,...,x4,y4 confidence`."""
    parts = line.rsplit(" ", 2)
    if len(parts) != 3:
        return None
    try:
        quad = np.array([float(v) for v in parts[1].split(",")], np.float64).reshape(4, 2)
        float(parts[2])
    except ValueError:
        return None
    if np.isfinite(quad).all() and np.abs(quad).max() < 1e6:
        quad = crop.upright(quad)
    with np.errstate(over="ignore"):
        return Mark(parts[0].strip(), quad.astype(np.float32))


def read_classes(data: bytes) -> np.ndarray | Reason:
    """(h, w) uint8 classes of a `charseg.npy` of any integer type, or of the PNG file it was
    packed as."""
    if data[:4] == b"\x89PNG":
        try:
            return _known(images.decode_labels(data))
        except images.ImageError:
            return Reason.MASK_DAMAGED
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            return Reason.MASK_DAMAGED
        read = np.lib.format.read_array_header_1_0
        read = read if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
        size = len(shape) == 2 and all(16 <= n <= 2048 for n in shape)
        if dtype.kind not in "iu" or not size or fortran:
            return Reason.MASK_DAMAGED
        body = data[stream.tell() :]
        classes = np.frombuffer(body, dtype, count=shape[0] * shape[1]).reshape(shape)
    except Exception:
        # numpy's header reader evaluates text and raises what Python's parser raises.
        return Reason.MASK_DAMAGED
    return _known(classes)


def _known(classes: np.ndarray) -> np.ndarray | Reason:
    if classes.min() < 0 or classes.max() > len(CLASSES):
        return Reason.MASK_DAMAGED
    return classes.astype(np.uint8)


def _to_map(quad: np.ndarray, size: tuple[int, int], classes: np.ndarray) -> np.ndarray:
    """Image pixels -> pixels of the class map."""
    height, width = classes.shape
    return quad * (np.array([width, height], np.float32) / np.array(size, np.float32))


def separate(classes: np.ndarray, quad: np.ndarray, word: str) -> np.ndarray | Reason:
    """Which of the word's characters each pixel belongs to.

    Args:
        classes: (h, w) uint8 class map.
        quad: (4, 2) the word's corners in the map's pixels, upright.
        word: 1 to 12 characters. Case is not looked at: its labels are noisy.

    Returns:
        (h, w) uint8 index map, or why it cannot be told: a letter is missing, has more pieces of
        like size than the word has of it, or the letters stand in another order.
    """
    top, side = quad[1] - quad[0], quad[3] - quad[0]
    across, down = float(np.hypot(*top)), float(np.hypot(*side))
    if len(word) > 2 and down > 1.5 * across:
        return Reason.DIRECTION_UNCLEAR
    whole = np.zeros(classes.shape, np.uint8)
    # Only the word's box is looked at: a tenth of the map, as a rule.
    x0, y0 = np.clip(np.floor(quad.min(axis=0)) - 1, 0, classes.shape[::-1]).astype(int)
    x1, y1 = np.clip(np.ceil(quad.max(axis=0)) + 1, 0, classes.shape[::-1]).astype(int)
    if x1 <= x0 or y1 <= y0:
        return Reason.LETTER_MISSING
    classes, out = classes[y0:y1, x0:x1], whole[y0:y1, x0:x1]
    inside = np.zeros(classes.shape, np.uint8)
    crop.fill(inside, quad - np.array([x0, y0]), 1)
    speck = max(2.0, _SPECK * crop.polygon_area(quad) / len(word))
    places: dict[int, float] = {}
    for letter in dict.fromkeys(word.lower()):
        at = [k for k, c in enumerate(word.lower()) if c == letter]
        lower, upper = CLASSES.index(letter) + 1, CLASSES.index(letter.upper()) + 1
        mask = ((classes == lower) | (classes == upper)) & inside
        pieces = _pieces(mask, top / max(across, 1e-6), speck)
        if len(pieces) < len(at):
            return Reason.LETTER_MISSING
        kept, surplus = pieces[: len(at)], pieces[len(at) :]
        if surplus and surplus[0].area >= _RIVAL * kept[-1].area:
            return Reason.LETTER_AMBIGUOUS
        for k, piece in zip(at, sorted(kept, key=lambda p: p.centre), strict=True):
            out[piece.rows, piece.cols] = k + 1
            places[k] = piece.centre
    order = [places[k] for k in range(len(word))]
    if any(b <= a for a, b in pairwise(order)):
        return Reason.LETTERS_DISORDERED
    return whole


@dataclass(frozen=True, eq=False)
class _Piece:
    """Pixels of one letter, and where they stand along the line of text."""

    rows: np.ndarray
    cols: np.ndarray
    low: float
    high: float
    centre: float

    @property
    def area(self) -> int:
        return len(self.rows)


def _pieces(mask: np.ndarray, axis: np.ndarray, speck: float) -> list[_Piece]:
    """Connected components, the largest first; what stands above or below another piece (the dot
    of an i, the bars of =, the halves of a cracked letter) belongs to it."""
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:  # OpenCV cannot label nothing
        return []
    mask = np.ascontiguousarray(mask[y : y + height, x : x + width])  # a letter's share of a word
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    order = sorted(range(1, count), key=lambda n: -sizes[n])
    pieces: list[_Piece] = []
    for n in order:
        if sizes[n] < speck:
            break
        rows, cols = np.nonzero(labels == n)
        rows, cols = rows + y, cols + x
        along = cols * axis[0] + rows * axis[1]
        new = _Piece(rows, cols, along.min() - 0.5, along.max() + 0.5, float(along.mean()))
        pieces = _joined(pieces, new)
    return sorted(pieces, key=lambda p: -p.area)


def _joined(pieces: list[_Piece], new: _Piece) -> list[_Piece]:
    for i, old in enumerate(pieces):
        shared = min(old.high, new.high) - max(old.low, new.low)
        if shared >= _OVERLAP * min(old.high - old.low, new.high - new.low):
            rows = np.concatenate([old.rows, new.rows])
            cols = np.concatenate([old.cols, new.cols])
            centre = (old.centre * old.area + new.centre * new.area) / len(rows)
            whole = _Piece(rows, cols, min(old.low, new.low), max(old.high, new.high), centre)
            return [*pieces[:i], whole, *pieces[i + 1 :]]
    return [*pieces, new]
