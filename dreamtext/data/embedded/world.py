"""The embedded scene-text world: real fonts on real photographs, with exact character masks.

A sample is a function of (configuration, split, index) alone. Splits share no word, no photograph
and, for `unseen_fonts`, no font family.
"""

import hashlib
import string
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from dreamtext import charset
from dreamtext.configs.schema import identity, signature
from dreamtext.configs.sections import DataConfig
from dreamtext.data import cache
from dreamtext.data.embedded import fonts, photographs
from dreamtext.data.embedded.words import words
from dreamtext.data.sample import Dataset, Sample
from dreamtext.errors import UserError

Split = Literal["train", "validation", "test", "unseen_fonts"]
SPLITS: tuple[str, ...] = get_args(Split)
# Raise it when a change below alters the pictures: caches and signatures then change with it.
VERSION = 1
HELD_OUT_SIZE = 2000

_SUPERSAMPLING = 2
_VOCABULARY_SHARE = 0.5


@lru_cache(maxsize=65536)  # a manifest asks this of the same few thousand words for each entry
def word_split(word: str) -> str:
    """Which split a word belongs to, by its hash without case: 80 % train, 10 %, 10 % test."""
    digit = int(hashlib.sha256(word.lower().encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "validation"}.get(digit, "train")


def split_fonts(config: DataConfig, split: str) -> tuple[fonts.Font, ...]:
    """The fonts a split draws with."""
    if split == "unseen_fonts":
        return fonts.UNSEEN
    return fonts.TRAINING[: config.fonts] if config.fonts else fonts.TRAINING


def _letters(config: DataConfig) -> str:
    return {
        "upper": string.ascii_uppercase,
        "alphanumeric": string.ascii_letters + string.digits,
        "printable": charset.CHARACTERS,
    }[config.alphabet]


def draw_word(config: DataConfig, split: str, rng: np.random.Generator) -> str:
    """A vocabulary word or a random string of that split, of the configured length."""
    wanted = "test" if split == "unseen_fonts" else split
    letters = _letters(config)
    while True:
        length = int(rng.integers(config.min_word_length, config.max_word_length + 1))
        vocabulary = words(length)
        if vocabulary and rng.random() < _VOCABULARY_SHARE:
            word = vocabulary[int(rng.integers(len(vocabulary)))]
            if config.alphabet == "upper":
                word = word.upper()
            else:
                word = (word, word.capitalize(), word.upper())[int(rng.integers(3))]
        else:
            word = "".join(letters[i] for i in rng.integers(len(letters), size=length))
        if word_split(word) == wanted:
            return word


def generator(config: DataConfig, split: str, index: int) -> np.random.Generator:
    """The random numbers of one sample."""
    return np.random.default_rng([config.seed, SPLITS.index(split), index])


def render(config: DataConfig, split: str, index: int) -> tuple[Sample, fonts.Font]:
    """Draw one sample; also says which font it was drawn with."""
    if split not in SPLITS:
        raise UserError(f"unknown split '{split}' of the embedded world; one of {list(SPLITS)}")
    rng = generator(config, split, index)
    word = draw_word(config, split, rng)
    choices = split_fonts(config, split)
    font = choices[int(rng.integers(len(choices)))]
    background = _background(config, split, rng)
    coverage, quad = _draw_characters(config, word, font, rng)
    image = _paint(background, coverage.max(axis=0), rng)
    sample = Sample(
        id=f"{split}-{index:06d}",
        image=image,
        region=_region(config, quad),
        word=word,
        characters=_index_map(coverage),
        has_characters=True,
        quad=quad,
    )
    return sample, font


def _background(config: DataConfig, split: str, rng: np.random.Generator) -> np.ndarray:
    import cv2

    choices = photographs.PHOTOGRAPHS["test" if split == "unseen_fonts" else split]
    picture = photographs.photograph(*choices[int(rng.integers(len(choices)))])
    height, width = picture.shape[:2]
    largest = min(height / config.height, width / config.width)
    scale = min(largest, float(np.exp(rng.uniform(0, np.log(max(largest, 1.0)))))) * 0.98
    crop_h, crop_w = max(1, int(config.height * scale)), max(1, int(config.width * scale))
    top = int(rng.integers(height - crop_h + 1))
    left = int(rng.integers(width - crop_w + 1))
    crop = picture[top : top + crop_h, left : left + crop_w]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return cv2.resize(
        np.ascontiguousarray(crop), (config.width, config.height), interpolation=method
    )


def _draw_characters(
    config: DataConfig, word: str, font: fonts.Font, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (L, H, W) float32 in 0..1 of each character, and the word's quad (4, 2)."""
    import cv2

    size_px = 64 if config.height <= 64 else 256
    inks = [fonts.glyph(font, c, size_px) for c in word]
    spacing = size_px * float(rng.uniform(0.0, 0.06))
    pens = np.cumsum([0.0] + [ink[3] + spacing for ink in inks[:-1]])
    lefts = [pen + ink[1] for pen, ink in zip(pens, inks, strict=True)]
    tops = [ink[2] for ink in inks]
    right = max(x + ink[0].shape[1] for x, ink in zip(lefts, inks, strict=True))
    bottom = max(y + ink[0].shape[0] for y, ink in zip(tops, inks, strict=True))
    left, top = min(lefts), min(tops)
    # A word of low letters alone ("on", "...") keeps some room above, else it would be blown up.
    top = min(top, bottom - 0.6 * size_px)
    quad = _place(config, right - left, bottom - top, rng)
    box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    transform = cv2.getPerspectiveTransform(box, (quad * _SUPERSAMPLING).astype(np.float32))
    coverage = np.zeros((len(word), config.height, config.width), np.float32)
    for k, (ink, x, y) in enumerate(zip(inks, lefts, tops, strict=True)):
        _warp_into(coverage[k], ink[0], transform @ _translation(x, y))
    return coverage, quad


def _place(config: DataConfig, width: float, height: float, rng: np.random.Generator) -> np.ndarray:
    """The word's corners in the image: scaled to fit, slightly rotated and in perspective."""
    room_w, room_h = config.width * 0.94, config.height * 0.84
    angle = np.deg2rad(rng.normal(0, 2.0))
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    fit = min(room_w / (width * cos + height * sin), room_h / (width * sin + height * cos))
    scale = fit * float(rng.uniform(0.82, 1.0))
    half = np.array([width, height]) * scale / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    corners = corners * (1 + rng.uniform(-0.04, 0.04, size=(4, 2)))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = corners @ rotation.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.array([config.width, config.height])
    margin = 0.02 * size
    free = np.maximum(size - (high - low) - 2 * margin, 0)
    return (corners - low + margin + free * rng.random(2)).astype(np.float32)


def _translation(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _warp_into(out: np.ndarray, ink: np.ndarray, transform: np.ndarray) -> None:
    """Draw `ink` through `transform` (to supersampled pixels) into `out` (H, W), its box only."""
    import cv2

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


def _paint(background: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blend text of a contrasting colour over the background, with shading and noise."""
    height, width = alpha.shape
    pixels = background.astype(np.float32)
    weight = alpha + 1e-3
    luminance = float((pixels @ (0.299, 0.587, 0.114) * weight).sum() / weight.sum())
    light = luminance < 128
    base = rng.uniform(205, 255) if light else rng.uniform(0, 50)
    colour = np.clip(base + rng.normal(0, 18, size=3), 0, 255).astype(np.float32)
    slope = rng.uniform(-0.15, 0.15, size=2)
    shade = (
        1 + slope[0] * np.linspace(-1, 1, height)[:, None] + slope[1] * np.linspace(-1, 1, width)
    )
    text = colour * shade[..., None].astype(np.float32)
    # A background as bright as the text would hide it: pull it away from the text's side.
    pixels = np.minimum(pixels, 170) if light else np.maximum(pixels, 85)
    blended = pixels + alpha[..., None] * (text - pixels)
    blended += rng.standard_normal(blended.shape, dtype=np.float32) * float(rng.uniform(0, 4))
    return np.clip(blended, 0, 255).astype(np.uint8)


def _index_map(coverage: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the character that covers a pixel most, if at least half as much as it
    covers its best pixel (thin strokes of small words fill no pixel whole)."""
    best = coverage.max(axis=(1, 2), keepdims=True)
    held = np.where((coverage >= 0.5 * best) & (coverage > 0), coverage, 0)
    return np.where(held.max(axis=0) > 0, held.argmax(axis=0) + 1, 0).astype(np.uint8)


def _region(config: DataConfig, quad: np.ndarray) -> np.ndarray:
    """(H, W) bool: the quad's axis-aligned box with a margin of 3 % of the height."""
    margin = max(1.0, 0.03 * config.height)
    x0, y0 = np.maximum(np.floor(quad.min(axis=0) - margin), 0).astype(int)
    x1, y1 = np.ceil(quad.max(axis=0) + margin).astype(int)
    region = np.zeros((config.height, config.width), bool)
    region[y0:y1, x0:x1] = True
    return region


def revision(config: DataConfig, split: str) -> str:
    """A hash of everything that decides a split's pictures, without drawing any."""
    values = identity(config)
    del values["train_size"]
    drawn_with = [f.file for f in split_fonts(config, split)]
    return signature({"version": VERSION, "data": values, "fonts": drawn_with})


class EmbeddedWorld(Dataset):
    """A split of the embedded world, drawn once and kept as memory-mapped arrays."""

    def __init__(self, config: DataConfig, split: str = "train", size: int | None = None) -> None:
        self.config, self.split = config, split
        self._fonts = split_fonts(config, split)
        size = size or (config.train_size if split == "train" else HELD_OUT_SIZE)
        length = config.max_length
        layout = {
            "image": ((config.height, config.width, 3), "uint8"),
            "characters": ((config.height, config.width), "uint8"),
            "region": ((config.height, config.width), "bool"),
            "tokens": ((length,), "uint8"),
            "quad": ((4, 2), "float32"),
            "font": ((), "uint8"),
        }
        self._arrays = cache.arrays(
            f"embedded-{split}-{self.revision}-{size}",
            size,
            layout,
            self._row,
            title=f"drawing the embedded world ({split})",
        )

    @property
    def revision(self) -> str:
        return revision(self.config, self.split)

    def __len__(self) -> int:
        return len(self._arrays["font"])

    def __getitem__(self, index: int) -> Sample:
        row = {name: array[index] for name, array in self._arrays.items()}
        return Sample(
            id=f"{self.split}-{index:06d}",
            image=np.array(row["image"]),
            region=np.array(row["region"]),
            word=charset.decode(row["tokens"].tolist()),
            characters=np.array(row["characters"]),
            has_characters=True,
            quad=np.array(row["quad"]),
        )

    def font(self, index: int) -> fonts.Font:
        """The font a sample was drawn with."""
        return self._fonts[int(self._arrays["font"][index])]

    def _row(self, index: int) -> dict[str, np.ndarray | int]:
        sample, font = render(self.config, self.split, index)
        return {
            "image": sample.image,
            "characters": sample.characters,
            "region": sample.region,
            "tokens": np.array(charset.encode(sample.word, self.config.max_length), np.uint8),
            "quad": sample.quad,
            "font": self._fonts.index(font),
        }
