"""Saved attention of a folder of samples, character by character, ready to be thresholded."""

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from benchmarks.metrics.overlap import truth_at
from benchmarks.samples.folder import SAMPLES, SampleFolder
from dreamtext.configs.sections import MaskConfig
from dreamtext.errors import UserError
from dreamtext.objective.masks import average_attention

ALL_LAYERS = "all"


@dataclass(frozen=True)
class Attention:
    """The characters of all samples with ground truth: M of them, in N samples.

    Rows of padding are dropped, so that every function sees characters only.
    """

    folder: SampleFolder
    masks: MaskConfig

    @property
    def size(self) -> tuple[int, int]:
        return self.masks.height, self.masks.width

    @cached_property
    def _truth(self) -> tuple[Tensor, Tensor]:
        return truth_at(self.folder, self.size)

    @cached_property
    def rows(self) -> Tensor:
        """(N, L) bool: which token rows are characters of the word."""
        return self._truth[1] != 0

    @cached_property
    def truth(self) -> Tensor:
        """(M, H, W) bool ground truth."""
        return self._truth[0][self.rows]

    @cached_property
    def sample(self) -> Tensor:
        """(M,) which of the N samples a character belongs to."""
        return self.rows.nonzero()[:, 0]

    @cached_property
    def position(self) -> Tensor:
        """(M,) the character's place in its word, from 0."""
        return self.rows.nonzero()[:, 1]

    @cached_property
    def known(self) -> np.ndarray:
        """(N,) indices of the samples among the folder's records."""
        return np.flatnonzero(self.folder.characters[1])

    @cached_property
    def letters(self) -> list[str]:
        """The M characters themselves."""
        return [c for i in self.known for c in self.folder.records[i].word]

    def told(self, attribute: str) -> np.ndarray | None:
        """(N,) what samples.jsonl says of each known sample, such as the source it stands on; None
        where it does not say so of all."""
        lines = (self.folder.path / SAMPLES).read_text().splitlines()
        by_id = {str(line["id"]): line.get(attribute) for line in map(json.loads, lines)}
        found = [by_id[self.folder.records[i].id] for i in self.known]
        return None if None in found else np.array(found)

    @property
    def timesteps(self) -> list[float]:
        return self.folder.attention_meta["timesteps"]

    @property
    def layers(self) -> list[str]:
        """Layers large enough for the mask settings."""
        sizes = self.folder.attention_meta["layers"]
        large = [name for name, size in sizes.items() if min(size) >= self.masks.min_size]
        if not large:
            raise UserError(
                f"no saved layer of '{self.folder.path}' has a side of masks.min_size = "
                f"{self.masks.min_size}; saved are {sizes}"
            )
        return large

    def average(self, timestep: float, layers: str = ALL_LAYERS) -> tuple[Tensor, Tensor]:
        """Unblurred A_bar (M, H, W) of one saved timestep, and what the words leave (N, H, W).

        Args:
            layers: the name of one layer, or "all" for the mean of those large enough.
        """
        config = _without_blur(self.masks)
        names = self.layers if layers == ALL_LAYERS else [layers]
        saved = self.folder.attention(timestep)
        length = self.rows.shape[1]
        rows, rest = [], []
        for start in range(0, len(self.known), 64):  # float32 maps of a few samples at a time
            chosen = self.known[start : start + 64]
            maps = {n: torch.from_numpy(saved[n][chosen]).float() for n in names}
            found = average_attention(maps, config)[:, :length]
            own = self.rows[start : start + 64, : found.shape[1]]
            rows.append(found[own])
            rest.append(1 - (found * own[..., None, None]).sum(1))
        return torch.cat(rows), torch.cat(rest)

    def by_sample(self, values: Tensor) -> Tensor:
        """(N,) means of (M,) values over each sample's characters, NaN left out."""
        weight = (~values.isnan()).to(torch.float64)
        total = torch.zeros(len(self.known), dtype=torch.float64)
        count = total.clone()
        total.index_add_(0, self.sample, values.nan_to_num().double())
        count.index_add_(0, self.sample, weight)
        return total / count


def _without_blur(masks: MaskConfig) -> MaskConfig:
    from dataclasses import replace

    # Layers named one by one are the caller's choice, whatever their size.
    return replace(masks, blur_kernel=1, min_size=1)
