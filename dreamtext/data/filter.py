"""Which annotated words are used: the papers' rule, and what no rule can use."""

import numpy as np

from dreamtext import charset
from dreamtext.data import crop
from dreamtext.data.annotation import Reason

LONGEST = 12
# Coordinates beyond this are no picture's; they would overflow what draws them.
_FARTHEST_PX = 1e6


def reject_word(word: str) -> Reason | None:
    """Why a word cannot be painted."""
    if not word:
        return Reason.EMPTY
    if set(word) == {"#"}:
        return Reason.ILLEGIBLE
    if any(c not in charset.CHARACTERS for c in word):
        return Reason.FOREIGN
    return Reason.TOO_LONG if len(word) > LONGEST else None


def reject_quad(
    quad: np.ndarray, size: tuple[int, int], min_region: float = crop.MIN_REGION
) -> Reason | None:
    """Why a (4, 2) quad in an image of `size` (width, height) cannot be a region.

    `min_region`: the least area, as a share of 512 x 512 pixels.
    """
    if not np.isfinite(quad).all() or np.abs(quad).max() > _FARTHEST_PX:
        return Reason.BOX_NOT_FINITE
    if crop.is_tangled(quad):
        return Reason.BOX_TANGLED
    if crop.signed_area(quad) < 0:
        return Reason.BOX_REVERSED
    if crop.inside_share(quad, size) < 0.5:
        return Reason.BOX_OUTSIDE
    small = crop.polygon_area(quad) < min_region * crop.PAPER_AREA_PX
    return Reason.TOO_SMALL if small else None
