"""Why a cell of a table is empty, or rests on fewer samples than its neighbours, and what a reader
of its numbers must know."""

from collections.abc import Sequence

from benchmarks.report.record import Record


def explain(record: Record) -> list[str]:
    """A sentence for every variant and task with something to explain: cells without scores, and
    samples that a system did not support or failed at, with the commonest why."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in record.runs.itertuples():
        reasons = found.setdefault((row.variant, row.task), [])
        if not row.metric:
            reasons.append(f"seed {row.seed}: {row.reason}")
    for key, own in record.images.groupby(["variant", "task"], sort=False):
        first = own[own.seed == own.seed.iloc[0]]
        for status in ("unsupported", "error"):
            here = first[first.status == status]
            if len(here):
                why = here.reason.mode().iloc[0] if "reason" in here else "no reason was given"
                found[key].append(f"{len(here)} of {len(first)} samples {status} (as: {why})")
    return [
        f"{variant}, {task}: {'; '.join(dict.fromkeys(reasons))}"
        for (variant, task), reasons in found.items()
        if reasons
    ]


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
