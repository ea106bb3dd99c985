"""Rules that turn a character's attention map into its mask, many thresholds in one sort.

Every rule but `argmax` keeps the cells above a threshold of the map's own. Once a map's cells are
sorted, each threshold is a place in that order, and intersection and union with the ground truth
are read off running sums: a further setting costs no further pass over the cells.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

import torch
from torch import Tensor

from dreamtext.errors import UserError

Kind = Literal["std", "otsu", "percentile", "area", "argmax"]
KINDS: dict[str, str] = {
    "std": "above the map's mean + value x its standard deviation (the paper: 2)",
    "otsu": "above the threshold that best splits the map's values in two (Otsu 1979)",
    "percentile": "above the value-th percentile of the map",
    "area": "the value x (share of the region a character has) largest cells",
    "argmax": "largest of the word's characters there, and above mean + value x std",
}


@dataclass(frozen=True)
class Rule:
    """A threshold rule and its one number (Otsu has none: 0)."""

    kind: Kind
    value: float = 0.0

    def __str__(self) -> str:
        return self.kind if self.kind == "otsu" else f"{self.kind} {self.value:g}"


def parse(text: str) -> Rule:
    """`std:2`, `otsu`, `percentile:90`, `area:0.5`, `argmax:1`.

    Raises:
        UserError: any other text.
    """
    kind, _, value = text.partition(":")
    try:
        if kind not in KINDS or (not value and kind != "otsu"):
            raise ValueError(kind)
        return Rule(cast(Kind, kind), float(value or 0))
    except ValueError as error:
        known = "; ".join(f"{k}: {v}" for k, v in KINDS.items())
        raise UserError(
            f"'{text}' is no threshold rule; write kind:value, as std:2. Kinds: {known}"
        ) from error


@dataclass(frozen=True, eq=False)
class Maps:
    """Blurred maps (M, H, W) with their ground truth, sorted once for all rules.

    Attributes:
        sample: (M,) which word a character belongs to.
        share: (M,) cells of the region over the characters of the word.
    """

    maps: Tensor
    truth: Tensor
    sample: Tensor
    share: Tensor

    @cached_property
    def _flat(self) -> Tensor:
        return self.maps.flatten(1)

    @cached_property
    def _sorted(self) -> tuple[Tensor, Tensor]:
        """Values (M, P) from large to small, and ground truth's running sum in that order."""
        values, order = self._flat.sort(dim=1, descending=True)
        hits = self.truth.flatten(1).gather(1, order).to(torch.int32).cumsum(1)
        return values, hits

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        return self._flat.mean(1), self._flat.std(1)

    @cached_property
    def truth_area(self) -> Tensor:
        return self.truth.flatten(1).sum(1)

    def threshold(self, rule: Rule) -> Tensor:
        """(M,) what a cell must exceed."""
        values, _ = self._sorted
        if rule.kind in ("std", "argmax"):
            mean, std = self._moments
            # A uniform map's mean may be rounded to below its only value: its mask stays empty.
            return torch.maximum(mean + rule.value * std, values[:, -1])
        if rule.kind == "otsu":
            return _otsu(values)
        cells = values.shape[1]
        if rule.kind == "percentile":
            kept = torch.full_like(self.share, cells * (1 - rule.value / 100))
        else:
            kept = rule.value * self.share
        place = kept.round().long().clamp(0, cells - 1)
        return values.gather(1, place[:, None])[:, 0]

    def masks(self, rule: Rule) -> Tensor:
        """(M, H, W) bool masks."""
        found = self.maps > self.threshold(rule)[:, None, None]
        if rule.kind == "argmax":
            found &= self.maps >= self._largest[self.sample]
        return found

    @cached_property
    def _largest(self) -> Tensor:
        """(N, H, W): the largest of each word's maps."""
        count = int(self.sample.max()) + 1
        index = self.sample[:, None, None].expand_as(self.maps)
        start = torch.full((count, *self.maps.shape[1:]), -torch.inf)
        return start.scatter_reduce(0, index, self.maps, "amax")

    def counts(self, rule: Rule) -> tuple[Tensor, Tensor]:
        """Intersection and union (M,) of the rule's masks with the ground truth."""
        if rule.kind == "argmax":
            masks = self.masks(rule)
            inside = (masks & self.truth).flatten(1).sum(1)
            area = masks.flatten(1).sum(1)
        else:
            values, hits = self._sorted
            above = (-values).contiguous()  # ascending, as searchsorted wants it
            area = torch.searchsorted(above, -self.threshold(rule)[:, None])[:, 0]
            none = torch.zeros_like(hits[:, :1])
            inside = torch.cat([none, hits], 1).gather(1, area[:, None])[:, 0]
        return inside, area + self.truth_area - inside

    def best_counts(self) -> tuple[Tensor, Tensor]:
        """Intersection and union (M,) under the best threshold of each map: an upper bound."""
        values, hits = self._sorted
        area = torch.arange(1, values.shape[1] + 1)
        union = area + self.truth_area[:, None] - hits
        ties = torch.cat([values[:, 1:] == values[:, :-1], torch.zeros(len(values), 1).bool()], 1)
        overlap = torch.where(ties, -1.0, hits / union)  # equal cells stand or fall together
        best = overlap.argmax(1, keepdim=True)
        return hits.gather(1, best)[:, 0], union.gather(1, best)[:, 0]


def iou(inside: Tensor, union: Tensor) -> Tensor:
    """(M,) intersection over union, NaN where both are empty."""
    return inside / torch.where(union == 0, torch.nan, union.double())


def _otsu(values: Tensor) -> Tensor:
    """(M,) thresholds from values (M, P) sorted from large to small: the split with the largest
    variance between its two classes, exactly and not by histogram."""
    count = values.shape[1]
    high = torch.arange(1, count, dtype=values.dtype)
    total = values.cumsum(1)[:, :-1]
    mean_high = total / high
    mean_low = (values.sum(1, keepdim=True) - total) / (count - high)
    between = high * (count - high) * (mean_high - mean_low) ** 2
    place = between.argmax(1, keepdim=True)
    return values.gather(1, place + 1)[:, 0]
