"""Setting a word in a quadrilateral: one coverage map per character."""

from functools import lru_cache

import cv2
import numpy as np

from dreamtext.data.embedded import fonts

_EM_PX = 96  # the size letters are drawn at before they are warped into the image
_SUPERSAMPLING = 4
# Upright, plain and bold enough to be read at a few pixels; from narrow to wide.
FACES = ("FjallaOne-Regular", "SourceSansPro-Bold", "Lato-Bold", "Roboto-Black", "DejaVuSans-Bold")


def best_fitting(word: str, quad: np.ndarray) -> str:
    """The face whose letters fill the quad (4, 2) with the least stretching."""
    across, down = sides(quad)
    wanted = np.log(across / down)

    def misfit(face: str) -> float:
        _, width, height = _inks(word, face)
        return abs(float(np.log(width / height) - wanted))

    return min(FACES, key=misfit)


def typeset(
    word: str, quad: np.ndarray, size: tuple[int, int], *, face: str, stretch: float
) -> np.ndarray:
    """(L, H, W) float32 coverage in 0..1 of each character, centred in the quad.

    Args:
        quad: (4, 2) corners x, y in pixels, clockwise from the top left in text orientation.
        size: (H, W).
        stretch: the largest ratio of horizontal to vertical scaling, either way.
    """
    inks, width, height = _inks(word, face)
    quad_w, quad_h = sides(quad)
    across, down = quad_w / width, quad_h / height
    across, down = min(across, down * stretch), min(down, across * stretch)
    # The word's rectangle in the quad's own coordinates, 0 to 1 both ways.
    half = np.array([across * width / quad_w, down * height / quad_h]) / 2
    corners = 0.5 + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    low = np.clip(np.floor(quad.min(axis=0)) - 1, 0, (size[1], size[0])).astype(int)
    high = np.clip(np.ceil(quad.max(axis=0)) + 1, 0, (size[1], size[0])).astype(int)
    out = np.zeros((len(word), *size), np.float32)
    if (high <= low).any():
        return out
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    into_window = cv2.getPerspectiveTransform(unit, ((quad - low) * _SUPERSAMPLING).astype("f4"))
    ends = cv2.perspectiveTransform(corners[None].astype(np.float32), into_window)[0]
    box = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    transform = cv2.getPerspectiveTransform(box, ends)
    coarse = tuple(int(v) for v in high - low)
    fine = (coarse[0] * _SUPERSAMPLING, coarse[1] * _SUPERSAMPLING)
    for k, (ink, x, y) in enumerate(inks):
        moved = transform @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)
        drawn = cv2.warpPerspective(ink, moved, fine, flags=cv2.INTER_LINEAR)
        shrunk = cv2.resize(drawn, coarse, interpolation=cv2.INTER_AREA)
        out[k, low[1] : high[1], low[0] : high[0]] = shrunk.astype(np.float32) / 255
    return out


@lru_cache(maxsize=4096)
def _inks(word: str, face: str) -> tuple[list[tuple[np.ndarray, float, float]], float, float]:
    """Each character's ink and offset x, y in a box around the word; the box's width, height."""
    font = next(f for f in fonts.TRAINING if f.name == face)
    glyphs = [fonts.glyph(font, character, _EM_PX) for character in word]
    pens = np.cumsum([0.0] + [advance for _, _, _, advance in glyphs[:-1]])
    lefts = [pen + left for pen, (_, left, _, _) in zip(pens, glyphs, strict=True)]
    tops = [top for _, _, top, _ in glyphs]
    right = max(x + ink.shape[1] for x, (ink, *_) in zip(lefts, glyphs, strict=True))
    bottom = max(y + ink.shape[0] for y, (ink, *_) in zip(tops, glyphs, strict=True))
    left = min(lefts)
    top = min(*tops, bottom - 0.5 * _EM_PX)  # low words keep some room, else they would blow up
    inks = [(g[0], x - left, y - top) for g, x, y in zip(glyphs, lefts, tops, strict=True)]
    return inks, float(right - left), float(bottom - top)


def sides(quad: np.ndarray) -> tuple[float, float]:
    """Mean width and height in pixels of a quad (4, 2), at least one each."""
    length = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    return max((length[0] + length[2]) / 2, 1.0), max((length[1] + length[3]) / 2, 1.0)


def index_map(coverage: np.ndarray) -> np.ndarray:
    """(L, H, W) coverage -> (H, W) uint8: the character that covers a pixel most, if at least
    half as much as it covers its best pixel (thin strokes of small words fill no pixel whole)."""
    best = coverage.max(axis=(1, 2), keepdims=True)
    held = np.where((coverage >= 0.5 * best) & (coverage > 0), coverage, 0)
    return np.where(held.max(axis=0) > 0, held.argmax(axis=0) + 1, 0).astype(np.uint8)
