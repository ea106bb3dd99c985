"""The one sample type every data set yields, and the batch a training step reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dreamtext import charset

if TYPE_CHECKING:  # planning a study reads data revisions and must not wait for torch
    import torch
    from torch import Tensor


Attributes = Mapping[str, str | bool]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One image with one word to repaint.

    Attributes:
        id: stable name of the sample inside its data set.
        image: (H, W, 3) uint8, RGB.
        region: (H, W) bool, True where the image is repainted.
        word: what stands in the region, 1 to 12 of the 94 characters.
        characters: (H, W) uint8, k where the word's k-th character stands (1-based), else 0.
        has_characters: whether `characters` is known; False leaves it all zero.
        quad: (4, 2) float32, the word's corners x, y in pixels, clockwise from the top left
            corner in text orientation.
        attributes: what the numbers of a table may be taken apart by. `source` (photograph or
            texture generator) and `background` (a part of it) are the units in which pictures
            vary; the embedded world also tells `background_kind`, `word_kind`, `font`,
            `font_style` and `font_seen`.
    """

    id: str
    image: np.ndarray
    region: np.ndarray
    word: str
    characters: np.ndarray
    has_characters: bool
    quad: np.ndarray
    attributes: Attributes = field(default_factory=dict)

    @cached_property
    def masked_image(self) -> np.ndarray:
        """(H, W, 3) uint8: the image with mid grey inside the region."""
        return np.where(self.region[..., None], np.uint8(128), self.image)

    def masks(self, max_length: int = 12) -> np.ndarray:
        """(max_length, H, W) bool, one mask per character; rows past the word are empty."""
        return self.characters == np.arange(1, max_length + 1, dtype=np.uint8)[:, None, None]

    def crop(self, height: int, width: int, along: Literal["quad", "box"] = "quad") -> np.ndarray:
        """(height, width) uint8: the word cut out along its quad or the bounds of it, in grey,
        squeezed to size."""
        import cv2

        quad = self.quad.astype(np.float32)
        if along == "box":
            (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
            quad = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        transform = cv2.getPerspectiveTransform(quad, corners)
        grey = cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)
        return cv2.warpPerspective(
            grey, transform, (width, height), borderMode=cv2.BORDER_REPLICATE
        )

    def with_word(self, word: str) -> Sample:
        """The same place with another word to paint: character masks are then unknown."""
        if word == self.word:
            return self
        return replace(
            self, word=word, characters=np.zeros_like(self.characters), has_characters=False
        )


class Dataset(ABC):
    """Samples addressed by index, the same index always giving the same sample."""

    @property
    @abstractmethod
    def revision(self) -> str:
        """A hash of the content, part of a run's identity."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Sample: ...

    @property
    def has_characters(self) -> bool:
        """Whether samples can have character masks at all; without, nothing can be supervised."""
        return True

    def target(self, index: int, word: str) -> Sample | None:
        """A sample's picture as it would be with another word in its place, where this data set
        can know: same region, same pixels where no text is, characters of the other word."""
        return None

    def neighbours(self, index: int) -> list[tuple[str, np.ndarray]]:
        """The other words in a sample's picture that are known, with their corners (4, 2) in it as
        `Sample.quad`; those cut by the picture's frame are left out."""
        return []

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """(n,) the order of all indices in an epoch of training."""
        return np.random.default_rng([seed, epoch]).permutation(len(self))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B samples as tensors; images lie in [-1, 1].

    Attributes:
        image: (B, 3, H, W) float32.        region: (B, 1, H, W) float32, 1 = repaint.
        tokens: (B, L) int64 character ids. characters: (B, H, W) uint8 as in `Sample`.
        has_characters: (B,) bool.          crop: (B, 1, h, w) float32, the grey word crop.
    """

    image: Tensor
    region: Tensor
    tokens: Tensor
    characters: Tensor
    has_characters: Tensor
    crop: Tensor

    @property
    def masked_image(self) -> Tensor:
        """(B, 3, H, W): zero (mid grey) inside the region."""
        return self.image * (1 - self.region)

    def to(self, device: torch.device | str) -> Batch:
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class HostBatch:
    """B samples on the host, in the bytes they are read in: a quarter of what floats would take to
    a device, and no work on the way.

    Attributes:
        image: (B, H, W, 3) uint8.          region: (B, H, W) bool.
        tokens: (B, L) int64 character ids. characters: (B, H, W) uint8 as in `Sample`.
        has_characters: (B,) bool.          crop: (B, h, w) uint8, the grey word crop.
    """

    image: Tensor
    region: Tensor
    tokens: Tensor
    characters: Tensor
    has_characters: Tensor
    crop: Tensor

    def pin_memory(self) -> HostBatch:
        """In memory that a GPU reads by itself; torch's data loader calls this."""
        return HostBatch(**{name: value.pin_memory() for name, value in vars(self).items()})

    def to(self, device: torch.device | str) -> Batch:
        """Moved, and made floats there; from pinned memory the host does not wait."""
        there = {n: v.to(device, non_blocking=v.is_pinned()) for n, v in vars(self).items()}
        pixels = there["image"].permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        return Batch(
            image=pixels.contiguous(),
            region=there["region"].float().unsqueeze(1),
            tokens=there["tokens"],
            characters=there["characters"],
            has_characters=there["has_characters"],
            crop=there["crop"].float().div_(127.5).sub_(1).unsqueeze(1),
        )


def stack(
    samples: Sequence[Sample],
    *,
    max_length: int = 12,
    crop_size: tuple[int, int] = (16, 48),
    crop: Literal["quad", "box"] = "quad",
) -> HostBatch:
    """Samples of one size as one `HostBatch`; `crop_size` is (height, width), `crop` what the word
    is cut out along."""
    return host_batch(
        image=np.stack([s.image for s in samples]),
        region=np.stack([s.region for s in samples]),
        tokens=np.array([charset.encode(s.word, max_length) for s in samples]),
        characters=np.stack([s.characters for s in samples]),
        has_characters=np.array([s.has_characters for s in samples]),
        crop=np.stack([s.crop(*crop_size, crop) for s in samples]),
    )


def collate(samples: Sequence[Sample], **options: Any) -> Batch:
    """The floats of `stack`, on the host."""
    return stack(samples, **options).to("cpu")


def host_batch(**arrays: np.ndarray) -> HostBatch:
    """A `HostBatch` of stacked arrays, named and shaped as its attributes."""
    import torch

    arrays["tokens"] = arrays["tokens"].astype(np.int64)
    return HostBatch(**{name: torch.from_numpy(values) for name, values in arrays.items()})
