"""The embedded scene-text world: real fonts on photographs and textures, exact character masks.

A sample is a function of (configuration, split, index) alone. Splits share no word, no part of a
photograph and no texture generator. Of any run of four test samples two show fonts that no training
uses, and two words of a list, the others random strings; backgrounds come round in turn.
"""

from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import numpy as np

from dreamtext import charset
from dreamtext.configs.schema import identity, signature
from dreamtext.configs.sections import DataConfig
from dreamtext.data import cache
from dreamtext.data.embedded import fonts, words
from dreamtext.data.embedded.backgrounds import Background, backgrounds
from dreamtext.data.sample import Attributes, Dataset, Sample
from dreamtext.errors import UserError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[str, ...] = get_args(Split)
# Raise it when a change below alters the pictures: caches and signatures then change with it.
# 2: tiles and textures behind the words, unseen fonts and both kinds of words in the test split.
VERSION = 2
HELD_OUT_SIZE = 4000

_VOCABULARY_SHARE = 0.5
_SEEN_IN_TESTS = fonts.TRAINING[:12]


def training_fonts(config: DataConfig) -> tuple[fonts.Font, ...]:
    """The fonts that training draws with."""
    return fonts.TRAINING[: config.fonts] if config.fonts else fonts.TRAINING


class Plan(NamedTuple):
    """What a sample will show; `rng` goes on from here to draw it."""

    word: str
    font: fonts.Font
    background: Background
    rng: np.random.Generator

    def attributes(self, config: DataConfig) -> Attributes:
        """What the numbers of a table may be taken apart by."""
        return _attributes(config, self.word, self.font, self.background)


def plan(config: DataConfig, split: str, index: int) -> Plan:
    """The word, font and background of a sample, without drawing it.

    Raises:
        UserError: no such split.
    """
    _refuse_unknown(split)
    rng = np.random.default_rng([config.seed, SPLITS.index(split), index])
    turn = None
    if split == "train":
        from_list, unseen = rng.random() < _VOCABULARY_SHARE, False
        background = _of_any_source(split, rng)
    else:
        turn, from_list, unseen = index // 2, index % 2 == 0, split == "test" and index % 4 >= 2
        choices = backgrounds(split)
        background = choices[words.in_turn(len(choices), index, config.seed)]
    word = words.draw(config, split, rng, "vocabulary" if from_list else "random", turn)
    if unseen:
        font = _of_any_style(rng)
    else:
        # The same for every number of training fonts, so that runs of all can be compared.
        drawn_with = _SEEN_IN_TESTS if split == "test" else training_fonts(config)
        font = drawn_with[int(rng.random() * len(drawn_with))]
    if font.unicase:  # no reader could tell the case
        word = word.upper()
    return Plan(word, font, background, rng)


def render(
    config: DataConfig, split: str, index: int, *, word: str = "", rotation_deg: float = 0.0
) -> Sample:
    """Draw one sample.

    Args:
        word: drawn instead of the sample's own word, in its place, font and colours; the region
            stays, and every pixel without text is the same.
        rotation_deg: the word is turned by this much more, either way.
    """
    from dreamtext.data.embedded import scene  # here: plans are made without OpenCV
    from dreamtext.data.embedded.typesetting import index_map

    planned = plan(config, split, index)
    rng, size = planned.rng, (config.height, config.width)
    background = scene.crop(planned.background.pixels(), size, rng)
    em_px = 64 if config.height <= 64 else 256
    spacing = float(rng.uniform(0.0, 0.06))
    letters = scene.Letters.of(planned.word, planned.font, em_px, spacing)
    turn = rotation_deg if index // 4 % 2 else -rotation_deg
    quad = scene.place(letters, size, rng, turn)
    coverage = letters.cover(quad, size)
    paint = scene.Paint.mixed(background, coverage.max(axis=0), rng)
    region = scene.region(quad, size)
    if word:
        others = scene.Letters.of(word, planned.font, em_px, spacing)
        quad = letters.fitted(quad, others)
        coverage = others.cover(quad, size)
    return Sample(
        id=f"{split}-{index:06d}",
        image=paint.over(coverage.max(axis=0)),
        region=region,
        word=word or planned.word,
        characters=index_map(coverage),
        has_characters=True,
        quad=quad,
        attributes=_attributes(config, word or planned.word, planned.font, planned.background),
    )


def _attributes(
    config: DataConfig, word: str, font: fonts.Font, background: Background
) -> Attributes:
    return {
        "source": background.source,
        "background": background.name,
        "background_kind": background.kind,
        "word_kind": words.kind_of(word),
        "font": font.name,
        "font_style": font.style,
        "font_seen": font in training_fonts(config),
    }


def _of_any_source(split: str, rng: np.random.Generator) -> Background:
    """Every photograph and every generator is as likely as any other."""
    by_source = _by_source(split)
    choices = by_source[int(rng.random() * len(by_source))]
    return choices[int(rng.random() * len(choices))]


@lru_cache
def _by_source(split: str) -> list[list[Background]]:
    grouped: dict[str, list[Background]] = {}
    for background in backgrounds(split):
        grouped.setdefault(background.source, []).append(background)
    return list(grouped.values())


def _of_any_style(rng: np.random.Generator) -> fonts.Font:
    """An unseen font; every style is as likely as any other."""
    by_style = _unseen_by_style()
    choices = by_style[int(rng.random() * len(by_style))]
    return choices[int(rng.random() * len(choices))]


@lru_cache
def _unseen_by_style() -> list[list[fonts.Font]]:
    grouped: dict[str, list[fonts.Font]] = {}
    for font in fonts.UNSEEN:
        grouped.setdefault(font.style, []).append(font)
    return list(grouped.values())


def revision(config: DataConfig, split: str) -> str:
    """A hash of everything that decides a split's pictures, without drawing any."""
    values = identity(config)
    for later in ("train_size", "labels"):
        values.pop(later, None)
    if split == "test":  # tests are the same whatever was trained on
        del values["fonts"]
        drawn_with = (*_SEEN_IN_TESTS, *fonts.UNSEEN)
    else:
        drawn_with = training_fonts(config)
    files = [f.file for f in drawn_with]
    return signature({"version": VERSION, "data": values, "fonts": files})


def _refuse_unknown(split: str) -> None:
    if split not in SPLITS:
        raise UserError(f"unknown split '{split}' of the embedded world; one of {list(SPLITS)}")


class EmbeddedWorld(Dataset):
    """A split of the embedded world. Training samples are drawn once and kept as memory-mapped
    arrays; the few others are drawn when they are asked for.

    Raises:
        UserError: an unknown split.
    """

    def __init__(
        self,
        config: DataConfig,
        split: str = "train",
        size: int | None = None,
        *,
        rotation_deg: float = 0.0,
    ) -> None:
        _refuse_unknown(split)
        self.config, self.split, self.rotation_deg = config, split, rotation_deg
        self._size = size or (config.train_size if split == "train" else HELD_OUT_SIZE)
        self._fonts, self._backgrounds = training_fonts(config), backgrounds(split)
        self._arrays = self._drawn() if split == "train" else None

    @property
    def revision(self) -> str:
        return revision(self.config, self.split)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> Sample:
        if self._arrays is None:
            if not 0 <= index < self._size:
                raise IndexError(index)
            return render(self.config, self.split, index, rotation_deg=self.rotation_deg)
        row = {name: array[index] for name, array in self._arrays.items()}
        word = charset.decode(row["tokens"].tolist())
        return Sample(
            id=f"{self.split}-{index:06d}",
            image=np.array(row["image"]),
            region=np.array(row["region"]),
            word=word,
            characters=np.array(row["characters"]),
            has_characters=True,
            quad=np.array(row["quad"]),
            attributes=_attributes(
                self.config, word, self._fonts[row["font"]], self._backgrounds[row["background"]]
            ),
        )

    def target(self, index: int, word: str) -> Sample:
        return render(self.config, self.split, index, word=word, rotation_deg=self.rotation_deg)

    def _drawn(self) -> dict[str, np.ndarray]:
        height, width = self.config.height, self.config.width
        layout = {
            "image": ((height, width, 3), "uint8"),
            "characters": ((height, width), "uint8"),
            "region": ((height, width), "bool"),
            "tokens": ((self.config.max_length,), "uint8"),
            "quad": ((4, 2), "float32"),
            "font": ((), "uint8"),
            "background": ((), "uint8"),
        }
        return cache.arrays(
            f"embedded-{self.split}-{self.revision}-{self._size}",
            self._size,
            layout,
            self._row,
            title=f"drawing the embedded world ({self.split})",
        )

    def _row(self, index: int) -> dict[str, np.ndarray | int]:
        sample = render(self.config, self.split, index)
        fonts_by_name = {f.name: k for k, f in enumerate(self._fonts)}
        backgrounds_by_name = {b.name: k for k, b in enumerate(self._backgrounds)}
        return {
            "image": sample.image,
            "characters": sample.characters,
            "region": sample.region,
            "tokens": np.array(charset.encode(sample.word, self.config.max_length), np.uint8),
            "quad": sample.quad,
            "font": fonts_by_name[str(sample.attributes["font"])],
            "background": backgrounds_by_name[str(sample.attributes["background"])],
        }
