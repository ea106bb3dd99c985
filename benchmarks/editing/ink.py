"""Ink and ground: what of a picture's region is lettering, and the photograph without it.

Pure functions of pixels. Colours are compared in CIE L*a*b*, where a difference of about 2 is just
seen (CIE 1976).
"""

from dataclasses import dataclass

import cv2
import numpy as np

_LEAST_DIFFERENCE = 14.0  # of ink and ground in L*a*b*: less is a shadow or grain
_MOST_INK = 0.62  # of a region's area: more is no lettering
_LEAST_INK = 0.01
_FILL_LONGEST_PX = 480  # filling is smooth, so that larger regions are filled at a smaller size


@dataclass(frozen=True, eq=False)
class Ink:
    """A region's lettering.

    Attributes:
        coverage: (H, W) float32, 0 ground to 1 ink; 0 outside the region.
        colour: (3,) float32 RGB of the ink.
        ground: (3,) float32 RGB of what is around it.
    """

    coverage: np.ndarray
    colour: np.ndarray
    ground: np.ndarray


def find(image: np.ndarray, region: np.ndarray, *, around: bool) -> Ink | None:
    """The lettering in a region, or None where there is none to be told from its ground.

    Args:
        image: (H, W, 3) RGB, 0 to 255.
        region: (H, W) bool.
        around: whether what lies around the region shows the ground too, as around a word in a
            photograph; else the region alone does, as in a picture painted into it.

    Two colours are sought; the one that most of the region, its edge and its surroundings have is
    the ground.
    """
    lab = to_lab(image)
    inside = lab[region]
    if len(inside) < 32:
        return None
    labels, centres = _two_colours(inside)
    first = np.zeros_like(region)  # of the two colours, inside
    first[region] = labels == 0
    border = [first[_band(region, outside=False)].mean()]
    band = _band(region, outside=True)
    if around and band.any():
        apart = np.linalg.norm(lab[band][:, None] - centres, axis=2)
        border.append((apart.argmin(axis=1) == 0).mean())
    # A word may have others around it, and a box may cut its strokes: none of these decides alone.
    ground = 0 if np.mean([*border, first[region].mean()]) > 0.5 else 1
    ink = labels != ground
    between = centres[1 - ground] - centres[ground]
    difference = float(np.linalg.norm(between))
    share = float(ink.mean())
    if difference < _LEAST_DIFFERENCE or not _LEAST_INK < share < _MOST_INK:
        return None
    if min(1 - b if ground == 0 else b for b in border) > 0.8 * share:
        return None  # as much of it along the border as inside: a texture, not a word
    # Where between the two colours each pixel lies, the ground being taken as it varies in place.
    local = _local_mean(lab, region, ink)
    along = ((lab - local) @ between) / difference**2
    coverage = np.where(region, np.clip(along, 0, 1), 0).astype(np.float32)
    pixels = np.asarray(image, np.float32)
    certain = region & (coverage > 0.75)
    if certain.sum() < 4:
        certain = np.zeros_like(region)
        certain[region] = ink
    below = np.zeros_like(region)
    below[region] = ~ink
    return Ink(coverage, np.median(pixels[certain], axis=0), np.median(pixels[below], axis=0))


def sharpened(coverage: np.ndarray, enlarged: float) -> np.ndarray:
    """Coverage whose edges are as steep as before it was `enlarged` by interpolation."""
    if enlarged <= 1:
        return coverage
    return np.clip(0.5 + (coverage - 0.5) * min(enlarged, 6.0), 0, 1).astype(np.float32)


def without(image: np.ndarray, ink: Ink | None, region: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the image with a region's lettering filled from its ground (Telea 2004);
    pixels without lettering stay as they are."""
    if ink is None:
        return image
    reach = max(2, round(_height(region) / 14))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # Beyond the region as well, so that no fringe of a stroke outside is taken for ground.
    strokes = cv2.dilate((ink.coverage > 0.12).astype(np.uint8), kernel)
    window = _window(region, margin=8 + reach)
    part, mask = image[window], strokes[window]
    # Nor what is lettering of the same colour around: other words, and strokes that the box cuts.
    lab, two = to_lab(part), to_lab(np.stack([ink.colour, ink.ground])[None])[0]
    apart = [np.linalg.norm(lab - colour, axis=2) for colour in two]
    mask[~region[window] & (apart[0] < apart[1])] = 1
    scale = min(1.0, _FILL_LONGEST_PX / max(mask.shape))
    if scale == 1:
        filled = cv2.inpaint(np.ascontiguousarray(part), mask, 3, cv2.INPAINT_TELEA)
    else:
        small = tuple(max(1, round(n * scale)) for n in mask.shape[::-1])
        less = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
        wide = cv2.dilate(mask, np.ones((3, 3), np.uint8))
        hidden = (cv2.resize(wide, small, interpolation=cv2.INTER_LINEAR) > 0).astype(np.uint8)
        filled = cv2.resize(
            cv2.inpaint(less, hidden, 3, cv2.INPAINT_TELEA),
            mask.shape[::-1],
            interpolation=cv2.INTER_CUBIC,
        )
    out = image.copy()
    changed = (mask > 0) & region[window]
    out[window][changed] = filled[changed]
    return out


def to_lab(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB of 0 to 255 -> float32 L*a*b*, L* from 0 to 100."""
    return cv2.cvtColor(np.asarray(image, np.float32) / 255, cv2.COLOR_RGB2LAB)


def _two_colours(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each value's cluster, 0 or 1, and the clusters' means; no randomness."""
    along = values - values.mean(axis=0)
    _, _, axes = np.linalg.svd(along[:: max(1, len(along) // 20_000)], full_matrices=False)
    labels = (along @ axes[0] > 0).astype(int)
    centres = np.stack([values.mean(axis=0)] * 2)
    for _ in range(20):
        if labels.all() or not labels.any():
            break
        centres = np.stack([values[labels == k].mean(axis=0) for k in (0, 1)])
        nearer = np.linalg.norm(values[:, None] - centres, axis=2).argmin(axis=1)
        if (nearer == labels).all():
            break
        labels = nearer
    return labels, centres


def _band(region: np.ndarray, *, outside: bool) -> np.ndarray:
    """(H, W) bool: pixels along a region's border, a fourteenth of its height deep inside, or a
    seventh outside."""
    height = _height(region)
    deep = max(1, round(height / 7 if outside else height / 14))
    kernel = np.ones((2 * deep + 1, 2 * deep + 1), np.uint8)
    solid = region.astype(np.uint8)
    if outside:
        return cv2.dilate(solid, kernel).astype(bool) & ~region
    inner = cv2.erode(np.pad(solid, 1), kernel)[1:-1, 1:-1]
    return region & ~inner.astype(bool)


def _local_mean(lab: np.ndarray, region: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """(H, W, 3): the ground's colour around each pixel, from ground pixels alone."""
    weight = np.zeros(region.shape, np.float32)
    weight[region] = ~ink
    sigma = max(1.0, _height(region) / 3)
    weights = cv2.GaussianBlur(weight, (0, 0), sigma)
    blurred = cv2.GaussianBlur(lab * weight[..., None], (0, 0), sigma)
    mean = lab[weight > 0].mean(axis=0)
    return np.where(weights[..., None] > 1e-3, blurred / np.maximum(weights, 1e-3)[..., None], mean)


def _height(region: np.ndarray) -> float:
    """The shorter side of a region's box."""
    rows, columns = np.nonzero(region)
    return float(min(np.ptp(rows), np.ptp(columns)) + 1)


def _window(region: np.ndarray, margin: int) -> tuple[slice, slice]:
    rows, columns = np.nonzero(region)
    return (
        slice(max(rows.min() - margin, 0), rows.max() + margin + 1),
        slice(max(columns.min() - margin, 0), columns.max() + margin + 1),
    )
