"""Painting one word into one place of a photograph.

What the model paints is small; its letters are taken out, enlarged and laid in the photograph's own
colours over the photograph's own ground, so that nothing but letters changes. For that it is shown
plain paper, on which its letters come out clean: the photograph would not make them more fitting,
and its patterns get into them. Asked for its whole picture (`colours`: model), it sees the place
upright and at the size it was trained at, with as much around it as it knows.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from baselines.typeset import contrast_ratio
from benchmarks.editing import ink
from benchmarks.editing.region import Place

if TYPE_CHECKING:
    from dreamtext.networks.model import DreamText

Colours = Literal["photograph", "model"]
# What a region takes of the training crops, on average: the model paints best at that size.
_WIDTH_SHARE, _HEIGHT_SHARE = 0.92, 0.80
_PAPER = (215, 215, 210)
_LEAST_CONTRAST = 3.0  # of large text and its ground (WCAG 2.2, 1.4.3)


def paint(
    model: "DreamText",
    photograph: np.ndarray,
    place: Place,
    word: str,
    seeds: Sequence[int],
    colours: Colours = "photograph",
    colour: np.ndarray | None = None,
) -> list[np.ndarray]:
    """The photograph (H, W, 3) uint8 with the word in its place, once for each seed; no pixel
    outside the place changes.

    Args:
        colours: of the photograph: only letters are taken from the model's picture. Of the model:
            its picture as it is.
        colour: (3,) RGB of the letters where the place shows none of its own.
    """
    region = place.mask(*photograph.shape[:2])
    if not region.any():  # smaller than a pixel
        centre = place.quad.mean(axis=0).astype(int)
        region[centre[1], centre[0]] = True
    seen, to_model = view(model, photograph, place)
    if colours == "photograph":
        seen = np.full_like(seen, _PAPER)
    pictures = _repaint(model, seen, to_model, place, word, seeds)
    if colours == "model":
        return [_laid(photograph, _back(p, to_model, photograph), region) for p in pictures]
    old = ink.find(photograph, region, around=True)
    ground = ink.without(photograph, old, region)
    known = old.colour if old else colour
    return [_lettered(photograph, ground, known, p, to_model, place, region) for p in pictures]


def cleared(photograph: np.ndarray, place: Place) -> tuple[np.ndarray, np.ndarray | None]:
    """The photograph without the lettering of a place, and its colour (3,) where there was any."""
    region = place.mask(*photograph.shape[:2])
    old = ink.find(photograph, region, around=True)
    return ink.without(photograph, old, region), old.colour if old else None


def view(model: "DreamText", photograph: np.ndarray, place: Place) -> tuple[np.ndarray, np.ndarray]:
    """The place as the model is shown it, (h, w, 3) uint8, and the (3, 3) way there."""
    data = model.config.data
    width, height = place.size
    aspect = data.width / data.height
    scale = data.width / max(width / _WIDTH_SHARE, height / _HEIGHT_SHARE * aspect)
    middle = np.array([data.width - width * scale, data.height - height * scale]) / 2
    into = np.array([[scale, 0, middle[0]], [0, scale, middle[1]], [0, 0, 1]])
    to_model = into @ place.upright()
    # Shrinking samples sparsely: blur first, by what one model pixel spans of the photograph.
    soft = photograph if scale >= 1 else cv2.GaussianBlur(photograph, (0, 0), 0.4 / scale)
    seen = cv2.warpPerspective(
        soft, _centred(to_model), (data.width, data.height), borderMode=cv2.BORDER_REFLECT_101
    )
    return np.ascontiguousarray(seen), to_model


def _repaint(
    model: "DreamText",
    seen: np.ndarray,
    to_model: np.ndarray,
    place: Place,
    word: str,
    seeds: Sequence[int],
) -> np.ndarray:
    """(B, h, w, 3) float32 of 0 to 255: the model's pictures."""
    from dreamtext import devices
    from dreamtext.data.sample import Sample, stack
    from dreamtext.sampling.solve import noise_for, repaint

    quad = cv2.perspectiveTransform(place.quad[None].astype(np.float64), to_model)[0]
    (x0, y0), (x1, y1) = np.floor(quad.min(axis=0) + 1e-6), np.ceil(quad.max(axis=0) - 1e-6)
    region = np.zeros(seen.shape[:2], bool)
    region[int(max(0, y0)) : int(max(y0 + 1, y1)), int(max(0, x0)) : int(max(x0 + 1, x1))] = True
    sample = Sample(
        id="photograph",
        image=seen,
        region=region,
        word=word,
        characters=np.zeros(region.shape, np.uint8),
        has_characters=False,
        quad=quad.astype(np.float32),
    )
    glyph, length = model.config.model.glyph, model.config.data.max_length
    batch = stack([sample] * len(seeds), max_length=length, crop_size=(glyph.height, glyph.width))
    raw = repaint(model, batch, noise_for(model.config, list(seeds)), model.config.sampling)
    pictures = devices.fetched(raw.permute(0, 2, 3, 1)).numpy()
    return ((pictures + 1) * 127.5).clip(0, 255).astype(np.float32)


def _lettered(
    photograph: np.ndarray,
    ground: np.ndarray,
    colour: np.ndarray | None,
    picture: np.ndarray,
    to_model: np.ndarray,
    place: Place,
    region: np.ndarray,
) -> np.ndarray:
    """The model's letters on the photograph's ground; its picture where it has no letters."""
    height, width = picture.shape[:2]
    here = cv2.perspectiveTransform(place.quad[None].astype(np.float64), to_model)[0]
    painted = ink.find(picture, Place(here).mask(height, width), around=False)
    if painted is None:
        return _laid(photograph, _back(picture, to_model, photograph), region)
    if colour is None:
        colour = _readable(painted.colour, np.median(ground[region], axis=0))
    enlarged = place.size[0] / max(np.ptp(here[:, 0]), 1e-6)
    coverage = ink.sharpened(_back(painted.coverage, to_model, photograph), enlarged)
    alpha = (np.clip(coverage, 0, 1) * region)[..., None]
    mixed = ground + alpha * (colour - ground.astype(np.float32))
    return _laid(photograph, mixed, region)


def _readable(colour: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """The colour, or black or white where it would not stand out from the ground."""
    if contrast_ratio(colour, ground) >= _LEAST_CONTRAST:
        return colour
    return max(np.zeros(3), np.full(3, 255.0), key=lambda c: contrast_ratio(c, ground))


def _laid(photograph: np.ndarray, pixels: np.ndarray, region: np.ndarray) -> np.ndarray:
    out = photograph.copy()
    out[region] = pixels[region].round().clip(0, 255).astype(np.uint8)
    return out


def _back(values: np.ndarray, to_model: np.ndarray, photograph: np.ndarray) -> np.ndarray:
    """What the model painted, (h, w) or (h, w, 3), in the photograph's frame."""
    back = np.linalg.inv(_centred(to_model))
    size = photograph.shape[1::-1]
    flags = cv2.INTER_CUBIC
    return cv2.warpPerspective(values, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _centred(transform: np.ndarray) -> np.ndarray:
    """For OpenCV, which counts from pixel centres, a way between continuous coordinates."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.linalg.inv(half) @ transform @ half
