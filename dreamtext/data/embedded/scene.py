"""Drawing one word: its letters, where they stand, and the paint they are drawn with.

Another word can be drawn into the same place with the same paint: that is the ground truth of
editing.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from dreamtext.data.embedded import fonts

_SUPERSAMPLING = 2
_LEAST_STRETCH = 0.75  # of one direction against the other, where another word is fitted in


@dataclass(frozen=True)
class Letters:
    """A word's glyphs on one base line, in pixels of the em they were drawn at.

    Attributes:
        inks: (h, w) uint8 coverage of each character, with its left and top edge.
        box: left, top, right, bottom of the word; the base line is at 0, y grows downwards.
    """

    inks: tuple[tuple[np.ndarray, float, float], ...]
    box: tuple[float, float, float, float]

    @classmethod
    def of(cls, word: str, font: fonts.Font, em_px: int, spacing: float) -> Self:
        """`spacing`: extra space between characters, in ems."""
        glyphs = [fonts.glyph(font, c, em_px) for c in word]
        pen = 0.0
        inks: list[tuple[np.ndarray, float, float]] = []
        rights, bottoms = [], []
        for ink, left, top, advance in glyphs:
            inks.append((ink, pen + left, float(top)))
            rights.append(pen + left + ink.shape[1])
            bottoms.append(float(top + ink.shape[0]))
            pen += advance + spacing * em_px
        bottom = max(bottoms)
        # A word of low letters alone ("on", "...") keeps some room above, else it would blow up.
        upper = min(*(y for _, _, y in inks), bottom - 0.6 * em_px)
        return cls(tuple(inks), (min(x for _, x, _ in inks), upper, max(rights), bottom))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the box."""
        left, top, right, bottom = self.box
        return right - left, bottom - top

    def cover(self, quad: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """(L, H, W) float32 coverage in 0..1 of each character, the box drawn onto `quad` (4, 2)
        of an image of `size` (H, W)."""
        left, top, right, bottom = self.box
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        onto = cv2.getPerspectiveTransform(corners, (quad * _SUPERSAMPLING).astype(np.float32))
        coverage = np.zeros((len(self.inks), *size), np.float32)
        for out, (ink, x, y) in zip(coverage, self.inks, strict=True):
            _warp_into(out, ink, onto @ _translation(x, y))
        return coverage

    def fitted(self, quad: np.ndarray, other: "Letters") -> np.ndarray:
        """(4, 2): where `other` stands when it takes this word's place in `quad`: on the same base
        line, centred, of the same size; smaller or squeezed only where it would not fit."""
        (width, height), (other_width, other_height) = self.size, other.size
        across, down = min(1.0, width / other_width), min(1.0, height / other_height)
        across, down = min(across, down / _LEAST_STRETCH), min(down, across / _LEAST_STRETCH)
        left, top, right, bottom = self.box
        w, h = across * other_width, down * other_height
        x = (left + right - w) / 2
        y = min(max(down * other.box[1], top), bottom - h)
        onto = cv2.getPerspectiveTransform(
            np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32),
            quad.astype(np.float32),
        )
        box = np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]]], np.float32)
        return cv2.perspectiveTransform(box, onto)[0]


def place(
    letters: Letters, size: tuple[int, int], rng: np.random.Generator, rotation_deg: float = 0.0
) -> np.ndarray:
    """The word's corners (4, 2) in an image of `size` (H, W): scaled to fit, slightly turned and
    in perspective; `rotation_deg` is added to the turn."""
    height, width = letters.size[1], letters.size[0]
    room_w, room_h = size[1] * 0.94, size[0] * 0.84
    angle = np.deg2rad(rng.normal(0, 2.0) + rotation_deg)
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    fit = min(room_w / (width * cos + height * sin), room_h / (width * sin + height * cos))
    scale = fit * float(rng.uniform(0.82, 1.0))
    half = np.array([width, height]) * scale / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    corners = corners * (1 + rng.uniform(-0.04, 0.04, size=(4, 2)))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = corners @ rotation.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    whole = np.array([size[1], size[0]])
    margin = 0.02 * whole
    free = np.maximum(whole - (high - low) - 2 * margin, 0)
    return (corners - low + margin + free * rng.random(2)).astype(np.float32)


def region(quad: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the quad's axis-aligned box with a margin of 3 % of the height."""
    margin = max(1.0, 0.03 * size[0])
    x0, y0 = np.maximum(np.floor(quad.min(axis=0) - margin), 0).astype(int)
    x1, y1 = np.ceil(quad.max(axis=0) + margin).astype(int)
    inside = np.zeros(size, bool)
    inside[y0:y1, x0:x1] = True
    return inside


@dataclass(frozen=True)
class Paint:
    """What a word is painted with, chosen to be read on its background.

    Attributes:
        under, text, grain: (H, W, 3) float32: the background, the text's colour with its shading,
            and the noise over both.
    """

    under: np.ndarray
    text: np.ndarray
    grain: np.ndarray

    @classmethod
    def mixed(cls, background: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> Self:
        """For text of coverage `alpha` (H, W) on `background` (H, W, 3) uint8."""
        height, width = alpha.shape
        pixels = background.astype(np.float32)
        weight = alpha + 1e-3
        luminance = float((pixels @ (0.299, 0.587, 0.114) * weight).sum() / weight.sum())
        light = luminance < 128
        base = rng.uniform(205, 255) if light else rng.uniform(0, 50)
        colour = np.clip(base + rng.normal(0, 18, size=3), 0, 255).astype(np.float32)
        slope = rng.uniform(-0.15, 0.15, size=2)
        down = slope[0] * np.linspace(-1, 1, height)[:, None]
        shade = 1 + down + slope[1] * np.linspace(-1, 1, width)
        # A background as bright as the text would hide it: pull it away from the text's side.
        under = np.minimum(pixels, 170) if light else np.maximum(pixels, 85)
        strength = float(rng.uniform(0, 4))
        grain = rng.standard_normal(pixels.shape, dtype=np.float32) * strength
        return cls(under, colour * shade[..., None].astype(np.float32), grain)

    def over(self, alpha: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8: the background with text of coverage `alpha` (H, W)."""
        blended = self.under + alpha[..., None] * (self.text - self.under) + self.grain
        return np.clip(blended, 0, 255).astype(np.uint8)


def crop(pixels: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8: a random part of `pixels`, at a random scale, perhaps mirrored."""
    height, width = pixels.shape[:2]
    largest = min(height / size[0], width / size[1])
    scale = min(largest, float(np.exp(rng.uniform(0, np.log(max(largest, 1.0)))))) * 0.98
    crop_h, crop_w = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    top = int(rng.integers(height - crop_h + 1))
    left = int(rng.integers(width - crop_w + 1))
    part = pixels[top : top + crop_h, left : left + crop_w]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(part), (size[1], size[0]), interpolation=method)


def _translation(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _warp_into(out: np.ndarray, ink: np.ndarray, transform: np.ndarray) -> None:
    """Draw `ink` through `transform` (to supersampled pixels) into `out` (H, W), its box only."""
    height, width = ink.shape
    if not ink.size:
        return
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    ends = cv2.perspectiveTransform(corners, transform)[0] / _SUPERSAMPLING
    x0, y0 = np.maximum(np.floor(ends.min(axis=0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(ends.max(axis=0)).astype(int) + 1, out.shape[::-1])
    if x1 <= x0 or y1 <= y0:
        return
    shift = _translation(-x0 * _SUPERSAMPLING, -y0 * _SUPERSAMPLING)
    size = ((x1 - x0) * _SUPERSAMPLING, (y1 - y0) * _SUPERSAMPLING)
    fine = cv2.warpPerspective(ink, shift @ transform, size, flags=cv2.INTER_LINEAR)
    coarse = cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    out[y0:y1, x0:x1] = coarse.astype(np.float32) / 255
