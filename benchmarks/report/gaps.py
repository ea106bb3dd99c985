"""Why a cell of a table is empty, or rests on fewer samples than its neighbours, and what a reader
of its numbers must know."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.report.record import NOT_RUN, Record

if TYPE_CHECKING:
    import pandas as pd


def explain(record: Record) -> list[str]:
    """A sentence for every variant and task with something to explain: cells without scores, and
    samples that a system did not support or failed at, with the commonest why. What nobody ran
    yet is one sentence a task, the last."""
    found: dict[tuple[str, str], list[str]] = {}
    waiting = {(task, name) for task in record.runs.task.unique() for name in not_run(record, task)}
    gaps = record.runs[record.runs.metric == ""]
    for key, own in gaps.groupby(["variant", "task"], sort=False):
        if key[::-1] not in waiting:
            for reason, same in own.groupby("reason", sort=False):
                seeds = f"seed{'s' if len(same) > 1 else ''} {', '.join(same.seed)}"
                found.setdefault(key, []).append(f"{seeds}: {reason}")
    for key, own in record.images.groupby(["variant", "task"], sort=False):
        first = own[own.seed == own.seed.iloc[0]]
        for status in ("unsupported", "error"):
            here = first[first.status == status]
            if len(here):
                why = here.reason.mode().iloc[0] if "reason" in here else "no reason was given"
                said = f"{len(here)} of {len(first)} samples {status} (as: {why})"
                found.setdefault(key, []).append(said)
    return [
        *(f"{variant}, {task}: {'; '.join(said)}" for (variant, task), said in found.items()),
        *(
            f"{NOT_RUN}, {task}: {', '.join(names)}"
            for task in record.runs.task.unique()
            if (names := not_run(record, task))
        ),
    ]


def not_run(record: Record, task: str) -> list[str]:
    """The variants that nobody has run a cell of for this task."""
    here = record.runs[record.runs.task == task]
    alone = (here.reason == NOT_RUN).groupby(here.variant, sort=False).all()
    return list(alone[alone].index)


def other_samples(here: "pd.DataFrame", reference: str) -> dict[str, str]:
    """Of a task's rows of a summary: the variants that were scored on other samples than the
    reference, with their manifests; none where the reference has none."""
    manifests = here.groupby("variant", sort=False).manifest.first()
    own = manifests.get(reference)
    return {name: one for name, one in manifests.items() if own not in (None, one)}


def notes(record: Record, metrics: Sequence[str]) -> list[str]:
    """Why a metric has no value, and the warnings beside its values: a sentence each, with the
    tasks and variants it holds for, in the metrics' order."""
    scored = record.runs[record.runs.metric != ""]
    blank = scored.groupby(["variant", "task"]).value.count() == 0  # told among the gaps
    all_of = {task: set(own.variant) for task, own in scored.groupby("task")}
    found = []
    for metric in metrics:
        where: dict[str, dict[str, list[str]]] = {}
        for row in scored[scored.metric == metric].itertuples():
            said = [row.warnings] if row.warnings else []
            if row.value != row.value and not blank[row.variant, row.task]:
                said.append(f"empty, as {row.reason}")
            for text in said:
                held = where.setdefault(text, {}).setdefault(row.task, [])
                if row.variant not in held:
                    held.append(row.variant)
        for text, by_task in where.items():
            places = [
                task if set(held) == all_of[task] else f"{task}: {', '.join(held)}"
                for task, held in by_task.items()
            ]
            found.append(f"{metric} ({'; '.join(places)}): {text}")
    return found
