"""A study's values per image as panels: seeds x images, with what the images share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.metrics.hierarchy import Panel
from benchmarks.report.record import Record

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Block:
    """Samples that share an attribute."""

    name: str
    attribute: str
    value: Any


ALL = Block("all", "", None)
BLOCKS = (
    Block("seen fonts", "font_seen", True),
    Block("unseen fonts", "font_seen", False),
    Block("words", "word_kind", "vocabulary"),
    Block("random strings", "word_kind", "random"),
)


@dataclass(frozen=True)
class _Images:
    """A variant's images of one task, in the order of their ids."""

    ids: np.ndarray  # (N,)
    values: dict[str, np.ndarray]  # (S, N) by metric
    photographs: np.ndarray | None  # (N,) codes
    words: np.ndarray | None

    @classmethod
    def of(cls, frame: "pd.DataFrame", metrics: Sequence[str]) -> "_Images":
        """Of a row a seed and image; images that a seed lacks are left out."""
        seeds = frame.seed.nunique()
        whole = frame[frame.groupby("id").seed.transform("nunique") == seeds]
        whole = whole.sort_values(["seed", "id"])
        first = whole.iloc[: len(whole) // seeds]
        columns = {m: whole[m].to_numpy(float).reshape(seeds, -1) for m in metrics if m in whole}
        return cls(first.id.to_numpy(), columns, _codes(first, "source"), _codes(first, "word"))

    def panel(self, metric: str, keep: np.ndarray) -> Panel:
        codes = (None if c is None else c[keep] for c in (self.photographs, self.words))
        return Panel(self.values[metric][:, keep], *codes)

    def known(self, metric: str) -> np.ndarray:
        """(N,) whether an image has a value for every seed."""
        if metric not in self.values:
            return np.zeros(len(self.ids), bool)
        return ~np.isnan(self.values[metric]).any(0)


class Panels:
    """The panels of a record, within a block.

    A variant that lacks a planned seed has none: a mean over fewer is never shown as the mean.
    """

    def __init__(self, record: Record, block: Block = ALL):
        frame = record.images
        if block != ALL:
            known = block.attribute in frame
            frame = frame[frame[block.attribute] == block.value] if known else frame.iloc[:0]
        planned = record.runs.groupby(["variant", "task"]).planned.first().to_dict()
        self._frame = frame
        self._images = {
            key: _Images.of(own, record.metrics)
            for key, own in frame.groupby(["variant", "task"], sort=False)
            if own.seed.nunique() == planned[key]
        }

    def of(self, variant: str, task: str, metric: str) -> Panel | None:
        """A variant's panel; None where it has no value per image."""
        own = self._images.get((variant, task))
        if own is None or not (keep := own.known(metric)).any():
            return None
        return own.panel(metric, keep)

    def difference(self, variant: str, against: str, task: str, metric: str) -> Panel | None:
        """Paired differences on the images that both have; None where there are none."""
        own, other = (self._images.get((name, task)) for name in (variant, against))
        if own is None or other is None:
            return None
        ids = [images.ids[images.known(metric)] for images in (own, other)]
        common = np.intersect1d(*ids)
        if not len(common):
            return None
        first, second = (i.panel(metric, np.isin(i.ids, common)) for i in (own, other))
        return first.minus(second) if first.pairs(second) else None

    def counts(self, task: str) -> dict[str, int | None]:
        """A task's numbers of images, words and background sources; None where unknown. Where
        variants have other samples than one another, those of the first are counted."""
        own = self._frame[self._frame.task == task]
        own = own[own.variant == own.variant.iloc[0]] if len(own) else own
        columns = {"images": "id", "words": "word", "background sources": "source"}
        return {
            name: own[column].nunique() if column in own and own[column].notna().all() else None
            for name, column in columns.items()
        }


def _codes(frame: "pd.DataFrame", column: str) -> np.ndarray | None:
    import pandas as pd

    known = column in frame and frame[column].notna().all()
    return pd.factorize(frame[column])[0] if known else None
