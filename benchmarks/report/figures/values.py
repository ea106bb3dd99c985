"""What figures are drawn from: a study's scores, its variants' settings, and words to say it in."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.report import numbers
from benchmarks.report.by_task import FEW
from benchmarks.report.figures.style import looks
from benchmarks.report.record import Record
from benchmarks.report.summary import Scores
from benchmarks.study import Cell, Study
from dreamtext.configs.schema import to_dict

if TYPE_CHECKING:
    import pandas as pd

READING, MASKS = "SeqAcc/raw", "mIoU"


class Point(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class Values:
    """Scores of one study, as figures ask for them."""

    def __init__(self, study: Study, record: Record, scores: Scores, cells: Sequence[Cell]) -> None:
        self.study, self.record, self.scores, self.cells = study, record, scores, cells
        self.all_tasks = [b.name for b in study.benchmarks]
        # Of many the first and the primary contrast's: all stand in one figure (`across`), and
        # would crowd the others.
        few = dict.fromkeys((self.all_tasks[0], *([study.primary.task] if study.primary else [])))
        self.tasks = self.all_tasks if len(self.all_tasks) <= FEW else list(few)
        self.names = [v.name for v in study.variants]
        self.looks = looks(study)
        self.point = lru_cache(maxsize=None)(self._point)

    def _point(self, variant: str, task: str, metric: str) -> Point | None:
        """None where there is no value with every planned seed."""
        if metric not in self.measured(variant, task):
            return None
        row = self.scores.score(variant, task, metric)
        if row["value"] != row["value"]:
            return None
        return Point(row["value"], row["low"], row["high"])

    def measured(self, variant: str, task: str) -> frozenset[str]:
        """What a variant was scored by; nothing while a planned seed is missing."""
        return self._measured.get((variant, task), frozenset())

    def whole(self, variant: str) -> bool:
        """Whether a variant has been scored on some task with every planned seed."""
        return any(self.measured(variant, task) for task in self.all_tasks)

    @cached_property
    def _measured(self) -> dict[tuple[str, str], frozenset[str]]:
        runs = self.record.runs[self.record.runs.metric != ""]
        return {
            key: frozenset(own.metric)
            for key, own in runs.groupby(["variant", "task"])
            if own.seed.nunique() == own.planned.iloc[0]
        }

    @cached_property
    def seeds(self) -> dict[tuple[str, str, str], list[float]]:
        """Each run's own value, by variant, task and metric."""
        runs = self.record.runs[self.record.runs.value.notna()]
        grouped = runs.groupby(["variant", "task", "metric"]).value
        return {key: own.tolist() for key, own in grouped}

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Of each variant of ours: every setting by its dotted name."""
        return {
            v.name: _flat(to_dict(self.study.config(v, self.study.seeds[0])))
            for v in self.study.variants
            if v.system == "dreamtext"
        }

    @cached_property
    def varied(self) -> list[str]:
        """The settings in which variants differ."""
        every = list(self.settings.values())
        keys = every[0] if every else {}
        return [k for k in keys if any(own[k] != every[0][k] for own in every)]

    @cached_property
    def main(self) -> list[str]:
        """The few variants that a crowded figure shows."""
        return self.first(6)

    def first(self, n: int) -> list[str]:
        """The n variants to be shown where not all can be, in the study's order: the contrasts' and
        the reference before others, of those that have been measured."""
        study = self.study
        asked = [name for c in study.contrasts for name in (c.variant, c.against)]
        order = dict.fromkeys([*asked[:2], study.reference, *asked, *self.names])
        known = [name for name in order if self.whole(name)]
        return [name for name in self.names if name in known[:n]]

    def others(self, shown: Sequence[str]) -> str:
        """What a caption says of measured variants that are not drawn."""
        left = sum(name not in shown and self.whole(name) for name in self.names)
        return f" {left} more variants are not drawn." if left else ""

    def images(self, task: str) -> "pd.DataFrame":
        return self.record.images[self.record.images.task == task]

    def measured_on(self, task: str, metric: str = "") -> str:
        """What a caption says of the samples: how many, of what, by which judge."""
        counts = self.scores.panels.counts(task)
        parts = [f"{n} {what}" for what, n in counts.items() if n]
        text = f"{task}: {', '.join(parts)}, {numbers.seeds(len(self.study.seeds))}"
        runs = self.record.runs
        backbone = runs[(runs.metric == metric) & (runs.backbone != "")].backbone
        if metric and len(backbone):
            text += f"; {metric} by {backbone.iloc[0]}"
        return f"{text}; preset {self.study.preset}."


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{key}.")
        elif before + key != "seed":
            found[before + key] = tuple(value) if isinstance(value, list) else value
    return found
