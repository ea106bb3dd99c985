"""The crop and the filter every data set shares, as UDiffText and DreamText use them.

Filter: words of 1 to 12 of the 94 characters, region at least 1 % of 512 x 512 pixels. Crop: pad
to the output's shape, cut a window around the word in which it takes about 4 % of the area
(never less than the word's box, never more than the image), resize. Coordinates are continuous:
pixel (0, 0) covers [0, 1) x [0, 1).
"""

from dataclasses import dataclass

import cv2
import numpy as np

PAPER_AREA_PX = 512 * 512
MIN_REGION = 0.01  # of PAPER_AREA_PX


@dataclass(frozen=True)
class Window:
    """A rectangle of the source image, in pixels, drawn at `out_width` x `out_height`.

    It may reach outside the image: the edge is then repeated, and labels there are 0.
    `reduction` (1, 2, 4, 8): the source may be decoded that many times smaller; all four source
    numbers are multiples of it.
    """

    x: int
    y: int
    width: int
    height: int
    out_width: int
    out_height: int
    reduction: int = 1

    def points(self, xy: np.ndarray) -> np.ndarray:
        """(..., 2) source coordinates -> output coordinates."""
        scale = (self.out_width / self.width, self.out_height / self.height)
        return ((np.asarray(xy, np.float64) - (self.x, self.y)) * scale).astype(np.float32)

    def image(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8, the source decoded `reduction` times smaller -> the window drawn."""
        r = self.reduction
        x, y, width, height = (v // r for v in (self.x, self.y, self.width, self.height))
        h, w = pixels.shape[:2]
        left, top = max(0, -x), max(0, -y)
        right, bottom = max(0, x + width - w), max(0, y + height - h)
        cut = pixels[max(y, 0) : y + height, max(x, 0) : x + width]
        if left or top or right or bottom:
            cut = cv2.copyMakeBorder(cut, top, bottom, left, right, cv2.BORDER_REPLICATE)
        if (width, height) == (self.out_width, self.out_height):
            return np.ascontiguousarray(cut)
        method = cv2.INTER_AREA if width > self.out_width else cv2.INTER_LINEAR
        return cv2.resize(cut, (self.out_width, self.out_height), interpolation=method)

    def labels(self, values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """(h, w) integers over an image of `size` (width, height) -> the window, nearest
        neighbour, 0 outside. The map may have another resolution than the image."""
        rows, inside_y = self._nearest(
            self.y, self.height, self.out_height, values.shape[0], size[1]
        )
        cols, inside_x = self._nearest(self.x, self.width, self.out_width, values.shape[1], size[0])
        out = values.take(rows, 0).take(cols, 1)  # a fifth of the time of np.ix_
        if not (inside_y.all() and inside_x.all()):
            out = np.where(inside_y[:, None] & inside_x, out, 0).astype(values.dtype)
        return out

    @staticmethod
    def _nearest(
        start: int, length: int, out: int, cells: int, size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        source = start + (np.arange(out) + 0.5) * length / out
        index = np.floor(source * cells / size).astype(int)
        inside = (index >= 0) & (index < cells)
        return np.clip(index, 0, cells - 1), inside

    def polygon(self, quad: np.ndarray) -> np.ndarray:
        """(4, 2) source corners -> (H, W) uint8, 1 on the pixels whose centre lies inside."""
        canvas = np.zeros((self.out_height, self.out_width), np.uint8)
        fill(canvas, self.points(quad), 1)
        return canvas


def fill(canvas: np.ndarray, corners: np.ndarray, value: int) -> None:
    """Draw a filled polygon of continuous coordinates into `canvas` (H, W), in place."""
    # OpenCV counts from pixel centres and takes fixed-point numbers: 4 bits of fraction.
    limited = np.clip(np.asarray(corners, np.float64) - 0.5, -20_000, 20_000)
    cv2.fillPoly(canvas, [np.round(limited * 16).astype(np.int32)], [value], cv2.LINE_8, 4)


def fit(
    quad: np.ndarray,
    size: tuple[int, int],
    out_size: tuple[int, int],
    word_area: float,
    reduce: bool = True,
) -> Window:
    """The window around a word (4, 2) in an image of `size`; all sizes are (width, height).

    `word_area`: the share of the window the word should take, where it takes less of the image.
    """
    width, height = size
    out_width, out_height = out_size
    aspect = out_width / out_height
    frame_w = max(width, height * aspect)
    frame_h = frame_w / aspect
    left, top = (width - frame_w) / 2, (height - frame_h) / 2
    inside = np.clip(quad, 0, size)
    low, high = inside.min(axis=0), inside.max(axis=0)
    box_w, box_h = high - low
    area = polygon_area(quad)
    view_h = frame_h
    if area < word_area * frame_w * frame_h:
        view_h = float(min(max((area / word_area / aspect) ** 0.5, box_h, box_w / aspect), frame_h))
    view_w = view_h * aspect
    centre_x, centre_y = (low + high) / 2
    x = min(max(centre_x - view_w / 2, left), left + frame_w - view_w)
    y = min(max(centre_y - view_h / 2, top), top + frame_h - view_h)
    r = _reduction(view_w / out_width, view_h / out_height) if reduce else 1
    return Window(
        x=round(x / r) * r,
        y=round(y / r) * r,
        width=max(1, round(view_w / r)) * r,
        height=max(1, round(view_h / r)) * r,
        out_width=out_width,
        out_height=out_height,
        reduction=r,
    )


def _reduction(*scales: float) -> int:
    smallest = min(scales)
    return next((r for r in (8, 4, 2) if smallest >= r), 1)


def polygon_area(quad: np.ndarray) -> float:
    """Area of a polygon (n, 2) in square pixels, positive whichever way it runs."""
    return abs(signed_area(quad))


def signed_area(quad: np.ndarray) -> float:
    """Positive where the corners run clockwise, y pointing down."""
    x, y = np.asarray(quad, np.float64).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def is_tangled(quad: np.ndarray) -> bool:
    """Whether two opposite sides of the (4, 2) quad cross, or it has no area."""
    a, b, c, d = np.asarray(quad, np.float64)
    return polygon_area(quad) < 1 or _cross(a, b, c, d) or _cross(b, c, d, a)


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def inside_share(quad: np.ndarray, size: tuple[int, int]) -> float:
    """Which part of the quad's area lies in an image of `size` (width, height)."""
    hull = cv2.convexHull(np.asarray(quad, np.float32))
    width, height = size
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return float(cv2.intersectConvexConvex(hull, frame)[0]) / max(cv2.contourArea(hull), 1e-6)


def upright(quad: np.ndarray, direction: tuple[float, float] = (1.0, 0.0)) -> np.ndarray:
    """The same corners, clockwise, from the one that makes the top edge run along `direction`.

    For annotations whose first corner varies.
    """
    corners = np.asarray(quad, np.float32)
    if signed_area(corners) < 0:
        corners = corners[::-1]

    def along(start: int) -> float:
        a, b, c, d = np.roll(corners, -start, axis=0)
        edge = (b - a) + (c - d)
        return float(edge @ np.asarray(direction, np.float32)) / (float(np.hypot(*edge)) + 1e-6)

    best = max(range(4), key=along)
    return np.ascontiguousarray(np.roll(corners, -best, axis=0))
