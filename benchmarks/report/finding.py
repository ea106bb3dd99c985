"""What a study found, in sentences made of its statistics: never stronger than they allow."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.report import by_task, contrasts, simulated, tables
from benchmarks.report.record import Record
from benchmarks.report.results import SMALL
from benchmarks.report.summary import Scores
from benchmarks.study import Study

if TYPE_CHECKING:
    import pandas as pd

_LED_BY = ("SeqAcc/raw", "mIoU")  # whose leaders are told


@dataclass(frozen=True)
class Finding:
    """Attributes:
    primary: the primary contrast, or that there is none.
    tested: the secondary contrasts, a sentence each.
    seen: what the intervals say beyond the declared contrasts, which nobody tested.
    limits: what a reader must know before any of it.
    """

    primary: str
    tested: tuple[str, ...]
    seen: tuple[str, ...]
    limits: tuple[str, ...]


def of(study: Study, record: Record, scores: Scores, tested: "pd.DataFrame") -> Finding:
    """The finding of a study from its scored cells."""
    sentences = [contrasts.sentence(row) for _, row in tested.iterrows()]
    if study.primary:
        primary, *rest = sentences
    else:
        rest = sentences
        primary = "No primary contrast was declared: nothing here was set out to be seen."
        if study.left_out:
            primary = "The primary contrast is not among what was asked for."
    return Finding(primary, tuple(rest), _leaders(study, scores), _limits(study, record))


def _leaders(study: Study, scores: Scores) -> tuple[str, ...]:
    """A sentence for every way a metric's leader can be told of, with the tasks it holds for."""
    tasks: dict[tuple[str, str], list[str]] = {}
    names = [benchmark.name for benchmark in study.benchmarks]
    for task, label in zip(names, by_task.short(names), strict=True):
        for metric in _LED_BY:
            if metric not in study.metrics:
                continue
            best, tied = tables.leader(study, scores, task, metric)
            if best and tied:
                others = f"{len(tied)} others" if len(tied) > 3 else ", ".join(map(_code, tied))
                said = f"{_code(best)} is highest, not told apart from {others}."
            elif best:
                said = (
                    f"{_code(best)} is told apart from every other variant measured, references "
                    "left out."
                )
            else:
                continue
            tasks.setdefault((metric, said), []).append(label)
    return tuple(f"{metric}, {', '.join(own)}: {said}" for (metric, said), own in tasks.items())


def _limits(study: Study, record: Record) -> tuple[str, ...]:
    said = [f"Not shown here: {study.not_shown}"] if study.not_shown else []
    runs = record.runs
    cells = runs.groupby(["variant", "task", "seed"]).metric.max()
    planned = int(runs.groupby(["variant", "task"]).planned.first().sum())
    done = int((cells != "").sum())
    if done < planned:
        said.append(f"{done} of {planned} cells are scored: this is not the whole study.")
    if study.left_out:
        said.append(
            f"{len(study.left_out)} of the declared contrasts are left out, and p-values count the "
            "others alone."
        )
    if study.preset in SMALL:
        said.append(SMALL[study.preset])
    if len(study.seeds) == 1:
        said.append("One seed: intervals are over images, they say nothing about other seeds.")
    elif note := simulated.note(len(study.seeds)):
        said.append(note)
    if study.preset != "paper":
        said.append(
            "An embedded scale model was trained; that the paper's own model behaves alike is not "
            "shown here."
        )
    return tuple(said)


def _code(name: str) -> str:
    return f"`{name}`"
