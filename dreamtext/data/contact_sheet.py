"""A sheet of samples to look at: region and quad on the left, character masks on the right."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from dreamtext.data.sample import Sample

_MARGIN_PX = 6
_CAPTION_PX = 18
_GREY = 235
# Twelve hues far apart from their neighbours, so that touching characters differ.
COLOURS = np.array(
    [(0, 0, 0)] + [[round(255 * v) for v in colorsys.hsv_to_rgb(k * 5 % 12 / 12, 1, 1)]
     for k in range(12)],
    np.uint8,
)  # fmt: skip


def overlay(sample: Sample, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Two (H, W, 3) uint8 RGB pictures `scale` times larger: quad and region, and masks."""
    height, width = sample.region.shape
    size = (width * scale, height * scale)
    image = cv2.resize(sample.image, size, interpolation=cv2.INTER_CUBIC)
    region = cv2.resize(sample.region.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    marked = np.where(region[..., None] > 0, image, (image * 0.55).astype(np.uint8))
    corners = np.round(sample.quad * scale - 0.5).astype(np.int32)
    thickness = max(1, size[0] // 256)
    cv2.polylines(marked, [corners], True, (0, 230, 0), thickness, cv2.LINE_AA)
    # The first side, along the top of the text, in red: the order of the corners can be seen.
    cv2.line(marked, corners[0].tolist(), corners[1].tolist(), (255, 0, 0), thickness, cv2.LINE_AA)
    if not sample.has_characters:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return marked, grey
    known = cv2.resize(sample.characters, size, interpolation=cv2.INTER_NEAREST)
    colours = COLOURS[known]
    mixed = (0.35 * image + 0.65 * colours).astype(np.uint8)
    masks = np.where(known[..., None] > 0, mixed, (image * 0.45).astype(np.uint8))
    return marked, masks


def sheet(samples: Sequence[Sample], columns: int = 4, tile_px: int = 256) -> np.ndarray:
    """(H, W, 3) uint8 RGB: a tile per sample, captioned with its word; samples of one size.

    `tile_px`: least width of one picture; samples are enlarged by a whole number to reach it.
    """
    height, width = samples[0].region.shape
    scale = max(1, -(-tile_px // width))
    columns = min(columns, len(samples))
    rows = -(-len(samples) // columns)
    tile_w = 2 * width * scale + _MARGIN_PX
    tile_h = height * scale + _CAPTION_PX
    out = np.full(
        (
            rows * (tile_h + _MARGIN_PX) + _MARGIN_PX,
            columns * (tile_w + 2 * _MARGIN_PX) + _MARGIN_PX,
            3,
        ),
        _GREY,
        np.uint8,
    )
    for k, sample in enumerate(samples):
        x = _MARGIN_PX + (k % columns) * (tile_w + 2 * _MARGIN_PX)
        y = _MARGIN_PX + (k // columns) * (tile_h + _MARGIN_PX)
        left, right = overlay(sample, scale)
        at = y + _CAPTION_PX
        out[at : at + height * scale, x : x + width * scale] = left
        out[at : at + height * scale, x + width * scale + _MARGIN_PX : x + tile_w] = right
        caption = sample.word if sample.has_characters else f"{sample.word}  (no masks)"
        cv2.putText(
            out, caption, (x, y + _CAPTION_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (20, 20, 20), 1,
            cv2.LINE_AA,
        )  # fmt: skip
    return out
