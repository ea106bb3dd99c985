"""From a study's values to its scores: each variant's with its interval, and its difference to the
reference on the same images and seeds."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.metrics import hierarchy
from benchmarks.metrics.hierarchy import Difference
from benchmarks.report.panels import ALL, Block, Panels
from benchmarks.report.record import Record
from benchmarks.study import Study

if TYPE_CHECKING:
    import pandas as pd

_Z = 1.959963984540054  # of the 95 % intervals that runs have over their own images


class _Runs(NamedTuple):
    """One metric of one variant and task: arrays of its runs, and what they have in common."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray
    unit: str
    planned: int
    direction: str
    backbone: str
    manifest: str
    reasons: tuple[str, ...]

    @property
    def errors(self) -> np.ndarray | None:
        """Each run's standard error over its own images, from its interval; None without one."""
        errors = (self.high - self.low) / 2 / _Z
        return None if np.isnan(errors).any() else errors


def _grouped(runs: "pd.DataFrame") -> dict[tuple[str, str], dict[str, _Runs]]:
    """By variant and task, then by metric, in the order of the rows."""
    scored = runs[runs.metric != ""]
    places: dict[tuple[str, str], dict[str, list[int]]] = {}
    for place, (variant, task, metric) in enumerate(
        zip(scored.variant, scored.task, scored.metric, strict=True)
    ):
        places.setdefault((variant, task), {}).setdefault(metric, []).append(place)
    arrays = {name: scored[name].to_numpy(float) for name in ("value", "low", "high", "n")}
    common = ("unit", "planned", "direction", "backbone", "manifest")
    columns = {name: scored[name].tolist() for name in common}
    reasons = scored.reason.tolist()
    return {
        key: {
            metric: _Runs(
                **{name: array[own] for name, array in arrays.items()},
                **{name: column[own[0]] for name, column in columns.items()},
                reasons=tuple(dict.fromkeys(reasons[k] for k in own if reasons[k])),
            )
            for metric, own in by_metric.items()
        }
        for key, by_metric in places.items()
    }


class Scores:
    """A record's scores and differences, within a block of its samples, each computed once.

    A number that a run has as a whole, as a Frechet distance, has no values per image: it belongs
    to no block, and pairs by seed.
    """

    def __init__(self, record: Record, block: Block = ALL):
        self.record, self.block = record, block
        self.panels = Panels(record, block)
        self._runs = _grouped(record.runs)
        self._per_image = set(record.metrics)
        self._planned = record.runs.groupby(["variant", "task"]).planned.first().to_dict()
        self._scores: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._differences: dict[tuple[str, str, str, str], Difference | None] = {}

    def metrics(self, variant: str, task: str) -> list[str]:
        """What a variant was scored by, in order."""
        names = self._runs.get((variant, task), {})
        return [m for m in names if self.block == ALL or self.panels.of(variant, task, m)]

    def planned(self, variant: str, task: str) -> int:
        """How many seeds a variant should have: one of a system that makes no use of them."""
        return int(self._planned.get((variant, task), 0))

    def score(self, variant: str, task: str, metric: str) -> dict[str, Any]:
        """Value, interval, what it rests on, and the reason where there is no value.

        `seeds` of `planned` have one; a mean over fewer is not shown as the mean.
        """
        key = (variant, task, metric)
        if key not in self._scores:
            self._scores[key] = self._score(*key)
        return dict(self._scores[key])

    def _score(self, variant: str, task: str, metric: str) -> dict[str, Any]:
        runs = self._runs[variant, task][metric]
        row: dict[str, Any] = {
            **dict.fromkeys(("value", "low", "high"), np.nan),
            "seeds": int((~np.isnan(runs.value)).sum()),
            **{k: getattr(runs, k) for k in ("planned", "direction", "backbone", "manifest")},
            "reason": "; ".join(runs.reasons),
        }
        panel = self.panels.of(variant, task, metric)
        if panel is not None:
            estimate = hierarchy.score(panel, bounds=_bounds(runs.unit, panel.values))
            row |= estimate._asdict()
            row |= {"words": _count(panel.words), "photographs": _count(panel.photographs)}
            row["seeds"] = len(panel.values)
        elif metric not in self._per_image and row["seeds"] == row["planned"]:
            row |= hierarchy.score_of_runs(runs.value, runs.errors)._asdict()
            row["n"] = int(runs.n.min())
            if runs.unit == "distance" and (runs.low >= 0).all():  # an unbiased one may be below
                row["low"] = max(0.0, row["low"])
        return row

    def difference(self, variant: str, against: str, task: str, metric: str) -> Difference | None:
        """`variant` minus `against`; None where they do not pair, as on another manifest."""
        key = (variant, against, task, metric)
        if key not in self._differences:
            self._differences[key] = self._difference(*key)
        return self._differences[key]

    def _difference(self, variant: str, against: str, task: str, metric: str) -> Difference | None:
        own, other = (self._runs.get((name, task), {}) for name in (variant, against))
        manifests = [next(iter(runs.values())).manifest for runs in (own, other) if runs]
        if len(manifests) == 1 or len(set(manifests)) > 1:
            return None
        panel = self.panels.difference(variant, against, task, metric)
        if panel is not None:
            share = own[metric].unit == "fraction" and np.abs(panel.values).max() <= 1
            return hierarchy.difference(panel, most=1.0 if share else np.inf)
        if metric in self._per_image:
            return None
        first, second = own.get(metric), other.get(metric)
        if first is None or second is None:
            return None
        if any(len(s.value) < s.planned or np.isnan(s.value).any() for s in (first, second)):
            return None
        errors = [e for e in (first.errors, second.errors) if e is not None]
        sizes = (len(first.value), len(second.value))
        pairs = sizes[0] == sizes[1] or 1 in sizes
        if not pairs or len(errors) < 2:
            return None
        # Of the same images, so hardly independent: the squares' sum is on the safe side.
        return hierarchy.difference_of_runs(first.value, second.value, np.hypot(*errors))


@lru_cache(maxsize=8)
def scores_of(record: Record, block: Block = ALL) -> Scores:
    """A record's scores: the same object for the same record, as every table and figure asks."""
    return Scores(record, block)


def summarise(
    study: Study, record: Record, block: Block = ALL, metrics: "list[str] | None" = None
) -> "pd.DataFrame":
    """A row a variant, task and metric: its score, and `difference` to the study's reference with
    `difference_low` and `difference_high`.

    Args:
        metrics: only these; all that were scored without.
    """
    import pandas as pd

    scores = scores_of(record, block)
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
