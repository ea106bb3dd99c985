"""From a study's values to its scores: each variant's with its interval, and its difference to the
reference on the same images and seeds."""

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.metrics import hierarchy
from benchmarks.metrics.hierarchy import Difference
from benchmarks.report.panels import ALL, Block, Panels
from benchmarks.report.record import Record
from benchmarks.study import Study

if TYPE_CHECKING:
    import pandas as pd

_Z = 1.959963984540054  # of the 95 % intervals that runs have over their own images


class Scores:
    """A record's scores and differences, within a block of its samples.

    A number that a run has as a whole, as a Frechet distance, has no values per image: it belongs
    to no block, and pairs by seed.
    """

    def __init__(self, record: Record, block: Block = ALL):
        self.record, self.block = record, block
        self.panels = Panels(record, block)
        scored = record.runs[record.runs.metric != ""]
        self._runs = dict(iter(scored.groupby(["variant", "task", "metric"], sort=False)))
        self._per_image = set(record.metrics)
        self._manifests = scored.groupby(["variant", "task"]).manifest.first().to_dict()
        self._units = scored.groupby("metric").unit.first().to_dict()

    def metrics(self, variant: str, task: str) -> list[str]:
        """What a variant was scored by, in order."""
        names = [m for v, t, m in self._runs if (v, t) == (variant, task)]
        return [m for m in names if self.block == ALL or self.panels.of(variant, task, m)]

    def planned(self, variant: str, task: str) -> int:
        """How many seeds a variant should have: one of a system that makes no use of them."""
        own = self.record.runs
        own = own[(own.variant == variant) & (own.task == task)]
        return int(own.planned.iloc[0]) if len(own) else 0

    def score(self, variant: str, task: str, metric: str) -> dict[str, Any]:
        """Value, interval, what it rests on, and the reason where there is no value.

        `seeds` of `planned` have one; a mean over fewer is not shown as the mean.
        """
        runs = self._runs[variant, task, metric]
        first = runs.iloc[0]
        row: dict[str, Any] = {
            **dict.fromkeys(("value", "low", "high"), np.nan),
            "seeds": int(runs.value.notna().sum()),
            **{k: first[k] for k in ("planned", "direction", "backbone", "manifest")},
            "reason": "; ".join(dict.fromkeys(runs.reason[runs.reason != ""])),
        }
        panel = self.panels.of(variant, task, metric)
        if panel is not None:
            estimate = hierarchy.score(panel, bounds=_bounds(first.unit, panel.values))
            row |= estimate._asdict()
            row |= {"words": _count(panel.words), "photographs": _count(panel.photographs)}
            row["seeds"] = len(panel.values)
        elif metric not in self._per_image and row["seeds"] == row["planned"]:
            row |= hierarchy.score_of_runs(runs.value, _errors(runs))._asdict()
            row["n"] = int(runs.n.min())
            if first.unit == "distance" and (runs.low >= 0).all():  # an unbiased one may be below
                row["low"] = max(0.0, row["low"])
        return row

    def difference(self, variant: str, against: str, task: str, metric: str) -> Difference | None:
        """`variant` minus `against`; None where they do not pair, as on another manifest."""
        if self._manifests.get((variant, task)) != self._manifests.get((against, task)):
            return None
        panel = self.panels.difference(variant, against, task, metric)
        if panel is not None:
            share = self._units[metric] == "fraction" and np.abs(panel.values).max() <= 1
            return hierarchy.difference(panel, most=1.0 if share else np.inf)
        if metric in self._per_image:
            return None
        sides = [self._runs.get((name, task, metric)) for name in (variant, against)]
        first, second = sides
        if first is None or second is None:
            return None
        if any(len(s) < s.planned.iloc[0] or s.value.isna().any() for s in (first, second)):
            return None
        errors = [e for e in map(_errors, (first, second)) if e is not None]
        pairs = len(first) == len(second) or 1 in (len(first), len(second))
        if not pairs or len(errors) < 2:
            return None
        # Of the same images, so hardly independent: the squares' sum is on the safe side.
        return hierarchy.difference_of_runs(
            first.value.to_numpy(float), second.value.to_numpy(float), np.hypot(*errors)
        )


def _errors(runs: "pd.DataFrame") -> np.ndarray | None:
    """Each run's standard error over its own images, from its interval; None without one."""
    errors = ((runs.high - runs.low) / 2 / _Z).to_numpy(float)
    return None if np.isnan(errors).any() else errors


def summarise(
    study: Study, record: Record, block: Block = ALL, metrics: "list[str] | None" = None
) -> "pd.DataFrame":
    """A row a variant, task and metric: its score, and `difference` to the study's reference with
    `difference_low` and `difference_high`.

    Args:
        metrics: only these; all that were scored without.
    """
    import pandas as pd

    scores = Scores(record, block)
    rows = []
    for benchmark in study.benchmarks:
        for variant in study.variants:
            for metric in scores.metrics(variant.name, benchmark.name):
                if metrics is not None and metric not in metrics:
                    continue
                key = (variant.name, benchmark.name, metric)
                names = ("block", "variant", "task", "metric")
                row: dict[str, Any] = dict(zip(names, (block.name, *key), strict=True))
                row |= scores.score(*key)
                if variant.name != study.reference:
                    found = scores.difference(variant.name, study.reference, *key[1:])
                    if found:
                        row |= {
                            "difference": found.value,
                            "difference_low": found.low,
                            "difference_high": found.high,
                        }
                rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS = (
    *("block", "variant", "task", "metric", "value", "low", "high", "n"),
    *("words", "photographs", "seeds", "planned"),
    *("difference", "difference_low", "difference_high"),
    *("direction", "backbone", "manifest", "reason"),
)


def _bounds(unit: str, values: np.ndarray) -> tuple[float, float] | None:
    inside = unit == "fraction" and values.min() >= 0 and values.max() <= 1
    return (0.0, 1.0) if inside else None


def _count(codes: np.ndarray | None) -> float:
    return np.nan if codes is None else len(np.unique(codes))
