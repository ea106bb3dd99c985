"""A sheet of an edit: the photograph's part before and after, and every try of every word."""

from collections.abc import Sequence

import numpy as np

from benchmarks.editing.region import Place

_WIDTH_PX, _TRY_PX, _GAP_PX, _TITLE_PX = 720, 56, 8, 22


def sheet(
    before: np.ndarray,
    after: np.ndarray,
    place: Place,
    tries: Sequence[tuple[str, Sequence[np.ndarray]]],
) -> np.ndarray:
    """(H, W, 3) uint8.

    Args:
        tries: each word with its upright crops, in the order of their seeds.
    """
    rows = [_titled("before, after", [_around(before, place), _around(after, place)])]
    for word, crops in tries:
        if len(crops) > 1:
            rows.append(_titled(f"tries of {word}", [_of_height(c, _TRY_PX) for c in crops]))
    width = max(row.shape[1] for row in rows)
    return np.concatenate([_padded(row, row.shape[0], width) for row in rows])


def _around(photograph: np.ndarray, place: Place) -> np.ndarray:
    """The place with about its own height around it, at most `_WIDTH_PX` wide."""
    import cv2

    margin = 1.0 * place.size[1]
    low = np.maximum(np.floor(place.quad.min(axis=0) - margin), 0).astype(int)
    high = np.ceil(place.quad.max(axis=0) + margin).astype(int)
    part = photograph[low[1] : high[1], low[0] : high[0]]
    scale = _WIDTH_PX / 2 / part.shape[1]
    size = (_WIDTH_PX // 2, max(1, round(part.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(part, size, interpolation=method)


def _of_height(picture: np.ndarray, height: int) -> np.ndarray:
    import cv2

    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _titled(title: str, pictures: Sequence[np.ndarray]) -> np.ndarray:
    from PIL import Image, ImageDraw

    height = max(p.shape[0] for p in pictures)
    gap = np.full((height, _GAP_PX, 3), 255, np.uint8)
    parts = [part for p in pictures for part in (_padded(p, height, p.shape[1]), gap)]
    row = np.concatenate(parts, axis=1)
    head = Image.new("RGB", (row.shape[1], _TITLE_PX), "white")
    ImageDraw.Draw(head).text((2, 4), title, "black")
    below = np.full((_GAP_PX, row.shape[1], 3), 255, np.uint8)
    return np.concatenate([np.asarray(head), row, below])


def _padded(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    out = np.full((height, width, 3), 255, np.uint8)
    out[: picture.shape[0], : picture.shape[1]] = picture
    return out
