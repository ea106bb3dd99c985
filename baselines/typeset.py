"""Inpaint, then typeset the word: what a designer without a network would do.

Nothing inside the region is looked at. The background is inpainted, the colour comes from the
surroundings, and the font is the one whose letters fill the word's quad with the least stretching.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from baselines.references import InpaintSettings, inpaint
from baselines.request import Answer, Request
from baselines.system import Capabilities, System
from dreamtext.configs.schema import Checked
from dreamtext.data.embedded.typesetting import best_fitting, typeset

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


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
    deterministic: ClassVar[bool] = True
    capabilities = Capabilities(max_length=64, licence="OFL and Bitstream Vera (the fonts)")

    def __init__(self, settings: TypesetSettings | None = None) -> None:
        self.settings = settings or TypesetSettings()

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        return [self._paint(request) for request in batch]

    def _paint(self, request: Request) -> Answer:
        background = inpaint(request, InpaintSettings(method=self.settings.method))
        face = best_fitting(request.word, request.quad)
        size, stretch = request.region.shape, self.settings.stretch
        alpha = typeset(request.word, request.quad, size, face=face, stretch=stretch).max(axis=0)
        colour = text_colour(request, background, alpha, self.settings.contrast)
        pixels = background + alpha[..., None] * (colour - background.astype(np.float32))
        meta = {"font": face, "colour": [round(float(c)) for c in colour]}
        image = pixels.round().clip(0, 255).astype(np.uint8)
        return Answer(id=request.id, image=image, meta=meta)


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
