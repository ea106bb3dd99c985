"""Inpaint, then typeset the word: what a designer without a network would do.

Nothing inside the region is looked at. The background is inpainted, the colour comes from the
surroundings, and the font is the one whose letters fill the word's quad with the least stretching.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import cv2
import numpy as np

from baselines.references import InpaintSettings, inpaint
from baselines.system import Answer, Capabilities, Request, System
from dreamtext.data import fonts
from dreamtext.schema import Checked

_EM_PX = 96  # the size letters are drawn at before they are warped into the image
_SUPERSAMPLING = 4
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
# Upright, plain and bold enough to be read at a few pixels; from narrow to wide.
_FACES = ("FjallaOne-Regular", "SourceSansPro-Bold", "Lato-Bold", "Roboto-Black", "DejaVuSans-Bold")


@dataclass(frozen=True, kw_only=True)
class TypesetSettings(Checked):
    """How far letters may be stretched, and how the background is filled.

    Attributes:
        stretch: the largest ratio of horizontal to vertical scaling, either way.
        contrast: the least contrast of text and background (WCAG 2.2, 1.4.3: 4.5).
    """

    stretch: float = 1.35
    contrast: float = 4.5
    method: Literal["telea", "navier_stokes"] = "telea"

    def check(self) -> None:
        self.require(self.stretch >= 1, "stretch must be at least 1")
        self.require(1 <= self.contrast <= 4.5, "contrast must lie between 1 and 4.5")


class Typeset(System):
    """The word set in a font and a colour that fit the surroundings."""

    name: ClassVar[str] = "typeset"
    capabilities = Capabilities(max_length=64, licence="OFL and Bitstream Vera (the fonts)")

    def __init__(self, settings: TypesetSettings | None = None) -> None:
        self.settings = settings or TypesetSettings()

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        return [self._paint(request) for request in batch]

    def _paint(self, request: Request) -> Answer:
        background = inpaint(request, InpaintSettings(method=self.settings.method))
        font, ink = best_fitting(request.word, request.quad)
        alpha = place(ink, request.quad, request.region.shape, self.settings.stretch)
        colour = text_colour(request, background, alpha, self.settings.contrast)
        pixels = background + alpha[..., None] * (colour - background.astype(np.float32))
        meta = {"font": font, "colour": [round(float(c)) for c in colour]}
        image = pixels.round().clip(0, 255).astype(np.uint8)
        return Answer(id=request.id, image=image, meta=meta)


def best_fitting(word: str, quad: np.ndarray) -> tuple[str, np.ndarray]:
    """Name of the face that fills the quad with the least stretching, and the word's ink in it."""
    wanted = np.log(_sides(quad)[0] / _sides(quad)[1])
    inks = {face: word_ink(word, face) for face in _FACES}
    face = min(inks, key=lambda f: abs(np.log(inks[f].shape[1] / inks[f].shape[0]) - wanted))
    return face, inks[face]


@lru_cache(maxsize=4096)
def word_ink(word: str, face: str) -> np.ndarray:
    """(h, w) uint8 coverage of a word, cut to its ink; low words keep the height of an x."""
    font = next(f for f in fonts.TRAINING if f.name == face)
    opened = fonts.open_font(font, _EM_PX)
    mask, (_, top) = opened.getmask2(word, mode="L", anchor="ls")
    ink = np.asarray(mask, np.uint8).reshape(mask.size[1], mask.size[0])
    columns = np.flatnonzero(ink.any(axis=0))
    rows = np.flatnonzero(ink.any(axis=1))
    first = min(int(rows[0]), int(-top - 0.5 * _EM_PX))  # above the baseline at -top
    padded = np.pad(ink, ((max(-first, 0), 0), (0, 0)))
    return padded[max(first, 0) : rows[-1] + 1 + max(-first, 0), columns[0] : columns[-1] + 1]


def place(ink: np.ndarray, quad: np.ndarray, size: tuple[int, int], stretch: float) -> np.ndarray:
    """(H, W) float32 coverage in 0..1: ink centred in the quad, stretched no more than allowed."""
    height, width = ink.shape
    quad_w, quad_h = _sides(quad)
    across, down = quad_w / width, quad_h / height
    across, down = min(across, down * stretch), min(down, across * stretch)
    # The ink's rectangle in the quad's own coordinates, 0 to 1 both ways.
    half = np.array([across * width / quad_w, down * height / quad_h]) / 2
    corners = 0.5 + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    into_image = cv2.getPerspectiveTransform(unit, quad.astype(np.float32) * _SUPERSAMPLING)
    ends = cv2.perspectiveTransform(corners[None].astype(np.float32), into_image)[0]
    box = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    transform = cv2.getPerspectiveTransform(box, ends)
    fine = (size[1] * _SUPERSAMPLING, size[0] * _SUPERSAMPLING)
    drawn = cv2.warpPerspective(ink, transform, fine, flags=cv2.INTER_LINEAR)
    coarse = cv2.resize(drawn, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return coarse.astype(np.float32) / 255


def _sides(quad: np.ndarray) -> tuple[float, float]:
    """Mean width and height of a quad, at least one pixel each."""
    length = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    return max((length[0] + length[2]) / 2, 1.0), max((length[1] + length[3]) / 2, 1.0)


def text_colour(
    request: Request, background: np.ndarray, alpha: np.ndarray, contrast: float
) -> np.ndarray:
    """(3,) float32: the surroundings' own lightest or darkest colour where it stands out enough
    from the background under the letters, else white or black, whichever stands out more."""
    under = np.average(background.reshape(-1, 3), axis=0, weights=alpha.ravel() + 1e-6)
    around = request.image[~request.region]
    candidates = []
    if len(around) >= 16:
        order = np.argsort(around @ _LUMINANCE)
        few = max(len(order) // 50, 4)
        candidates = [around[order[:few]].mean(axis=0), around[order[-few:]].mean(axis=0)]
        candidates = [c for c in candidates if contrast_ratio(c, under) >= contrast]
    if not candidates:
        candidates = [np.zeros(3), np.full(3, 255.0)]
    best = max(candidates, key=lambda c: contrast_ratio(c, under))
    return np.asarray(best, np.float32)


def contrast_ratio(first: np.ndarray, second: np.ndarray) -> float:
    """WCAG 2.2 contrast ratio of two sRGB colours in 0..255: 1 (none) to 21."""
    lighter, darker = sorted((_relative_luminance(first), _relative_luminance(second)))[::-1]
    return (lighter + 0.05) / (darker + 0.05)


def _relative_luminance(colour: np.ndarray) -> float:
    c = np.asarray(colour, np.float64) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ _LUMINANCE)
