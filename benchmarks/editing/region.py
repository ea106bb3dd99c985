"""Where words go in a photograph: a box or four corners, split among the words of a line."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dreamtext.data import crop
from dreamtext.errors import UserError

_GAP = 0.35  # between two words, in widths of a character
_SMALLEST_PX = 4.0  # of a word's side: less holds no letter


@dataclass(frozen=True, eq=False)
class Place:
    """Where one word is painted.

    Attributes:
        quad: (4, 2) float64 corners x, y in pixels, clockwise from the word's top left; continuous
            coordinates, pixel (0, 0) covering [0, 1) x [0, 1).
    """

    quad: np.ndarray

    @property
    def size(self) -> tuple[float, float]:
        """Mean width and height in pixels."""
        sides = np.linalg.norm(self.quad - np.roll(self.quad, -1, axis=0), axis=1)
        return float(sides[0] + sides[2]) / 2, float(sides[1] + sides[3]) / 2

    def mask(self, height: int, width: int) -> np.ndarray:
        """(H, W) bool: the pixels whose centre lies inside."""
        x, y = np.arange(width) + 0.5, (np.arange(height) + 0.5)[:, None]
        inside = np.ones((height, width), bool)
        for (x0, y0), (x1, y1) in zip(self.quad, np.roll(self.quad, -1, axis=0), strict=True):
            inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0  # right of each side
        return inside

    def upright(self) -> np.ndarray:
        """(3, 3): photograph's coordinates to a frame where the word stands upright, its box from
        0, 0 to `size`; the identity but for a shift where the place is a box."""
        width, height = self.size
        box = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        return cv2.getPerspectiveTransform(self.quad.astype(np.float32), box)

    def split(self, words: Sequence[str]) -> list["Place"]:
        """A place for each word of a line, as wide as its characters ask."""
        lengths = np.array([float(len(word)) for word in words])
        whole = lengths.sum() + _GAP * (len(words) - 1)
        starts = np.concatenate([[0], np.cumsum(lengths + _GAP)[:-1]]) / whole
        ends = starts + lengths / whole
        top_left, top_right, bottom_right, bottom_left = self.quad
        found = []
        for start, end in zip(starts, ends, strict=True):
            across = [start, end, end, start]
            upper = [(top_left, top_right)] * 2 + [(bottom_left, bottom_right)] * 2
            corners = [a + t * (b - a) for t, (a, b) in zip(across, upper, strict=True)]
            found.append(Place(np.array(corners)))
        return found


def parse_region(text: str, width: int, height: int) -> Place:
    """The place "X,Y,W,H" in an image of that size.

    Raises:
        UserError: not four whole numbers, empty, or not inside the image.
    """
    try:
        x, y, w, h = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(
            f"--region {text!r} must be four whole numbers X,Y,W,H in pixels, such as 40,60,200,80"
        ) from error
    if w < 1 or h < 1:
        raise UserError(f"--region {text} is empty: its width and height must be at least 1 pixel")
    if x < 0 or y < 0 or x + w > width or y + h > height:
        raise UserError(
            f"--region {text} reaches outside the image, which is {width} x {height} pixels; "
            f"x + w may be at most {width} and y + h at most {height}"
        )
    return Place(np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float64))


def parse_polygon(text: str, width: int, height: int) -> Place:
    """The place "X1,Y1,X2,Y2,X3,Y3,X4,Y4": the word's corners, clockwise from its top left.

    Raises:
        UserError: not eight numbers, tangled, counter-clockwise, tiny, or not inside the image.
    """
    try:
        corners = np.array([float(part) for part in text.split(",")]).reshape(4, 2)
    except ValueError as error:
        raise UserError(
            f"--polygon {text!r} must be eight numbers X1,Y1,...,X4,Y4: the corners in pixels, "
            "clockwise from the word's top left"
        ) from error
    if not np.isfinite(corners).all() or crop.is_tangled(corners):
        raise UserError(f"--polygon {text} has sides that cross, or no area; give its four corners")
    if crop.signed_area(corners) < 0:
        raise UserError(
            f"--polygon {text} runs counter-clockwise; begin at the word's top left and go on to "
            "its top right"
        )
    if (corners < 0).any() or (corners > (width, height)).any():
        raise UserError(
            f"--polygon {text} reaches outside the image, which is {width} x {height} pixels"
        )
    place = Place(corners)
    if not cv2.isContourConvex(corners.astype(np.float32)) or min(place.size) < _SMALLEST_PX:
        raise UserError(
            f"--polygon {text} is dented, or less than {_SMALLEST_PX:g} pixels high or wide"
        )
    return place
