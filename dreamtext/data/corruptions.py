"""Test pictures made harder: how a system copes with them, without training on them."""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from dreamtext.data.sample import Dataset, Sample
from dreamtext.errors import UserError

Corruption = Literal["none", "low_resolution", "blur", "occlusion", "clutter", "rotation"]
CORRUPTIONS: tuple[str, ...] = get_args(Corruption)
# What a severity of 1 is:
_LEAST_RESOLUTION = 0.25  # of the picture's own
_BLUR = 0.08  # standard deviation as a share of the picture's height
_BAR = 0.25  # width of a bar across the picture, as a share of the region's
_STROKES = 40
ROTATION_DEG = 30.0


def corrupted(dataset: Dataset, corruption: str, severity: float) -> Dataset:
    """The data set with every picture made harder; "none" leaves it as it is.

    Words are turned by drawing them anew, which the embedded world alone can do.

    Raises:
        UserError: rotation of another data set.
    """
    if corruption == "none":
        return dataset
    if corruption == "rotation":
        from dreamtext.data.embedded.world import EmbeddedWorld

        if not isinstance(dataset, EmbeddedWorld):
            raise UserError(
                "the corruption 'rotation' needs words that can be drawn anew: only the embedded "
                f"world can; choose one of {', '.join(CORRUPTIONS[1:-1])}"
            )
        return EmbeddedWorld(
            dataset.config, dataset.split, len(dataset), rotation_deg=severity * ROTATION_DEG
        )
    return Corrupted(dataset, corruption, severity)


class Corrupted(Dataset):
    """Every sample of a data set, corrupted by its index alone."""

    def __init__(self, dataset: Dataset, corruption: str, severity: float) -> None:
        self.dataset, self.corruption, self.severity = dataset, corruption, severity

    @property
    def revision(self) -> str:
        return self.dataset.revision

    @property
    def has_characters(self) -> bool:
        return self.dataset.has_characters

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        return self._apply(self.dataset[index], index)

    def target(self, index: int, word: str) -> Sample | None:
        other = self.dataset.target(index, word)
        return None if other is None else self._apply(other, index)

    def neighbours(self, index: int) -> list[tuple[str, np.ndarray]]:
        return self.dataset.neighbours(index)

    def _apply(self, sample: Sample, index: int) -> Sample:
        return corrupt(sample, self.corruption, self.severity, np.random.default_rng([index]))


def corrupt(sample: Sample, corruption: str, severity: float, rng: np.random.Generator) -> Sample:
    """One sample's picture made harder, by a severity above 0 up to 1.

    low_resolution: shrunk to as little as a quarter and enlarged again. blur: Gaussian. occlusion:
    a bar from top to bottom across the region, which also hides characters from the truth.
    clutter: strokes in random colours behind the text. What a blur spreads over the region's edge
    stays in sight, as it would in a photograph.
    """
    import cv2

    image, height, width = sample.image, *sample.region.shape
    if corruption == "low_resolution":
        factor = 1 - severity * (1 - _LEAST_RESOLUTION)
        small = (max(1, round(width * factor)), max(1, round(height * factor)))
        shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        return replace(sample, image=cv2.resize(shrunk, (width, height)))
    if corruption == "blur":
        blurred = cv2.GaussianBlur(image, (0, 0), severity * _BLUR * height)
        return replace(sample, image=blurred)
    if corruption == "occlusion":
        columns = np.nonzero(sample.region.any(axis=0))[0]
        bar = max(1, round(severity * _BAR * len(columns)))
        start = int(columns[0] + rng.integers(max(1, len(columns) - bar + 1)))
        hidden = np.zeros(sample.region.shape, bool)
        hidden[:, start : start + bar] = True
        colour = rng.integers(0, 256, 3, dtype=np.uint8)
        return replace(
            sample,
            image=np.where(hidden[..., None], colour, image),
            characters=np.where(hidden, np.uint8(0), sample.characters),
        )
    if corruption == "clutter":
        strokes = image.copy()
        for _ in range(round(severity * _STROKES)):
            begin = rng.integers(0, (width, height))
            end = begin + rng.normal(0, height / 3, 2).round().astype(int)
            paint = [int(v) for v in rng.integers(0, 256, 3)]
            thick = max(1, height // 24)
            cv2.line(strokes, begin.tolist(), end.tolist(), paint, thick, cv2.LINE_AA)
        text = cv2.dilate((sample.characters > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
        return replace(sample, image=np.where(text[..., None] > 0, image, strokes))
    raise UserError(f"unknown corruption '{corruption}'; one of {', '.join(CORRUPTIONS)}")
