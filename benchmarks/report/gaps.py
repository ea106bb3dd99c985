"""Why a cell of a table is empty, or rests on fewer samples than its neighbours, and what a reader
of its numbers must know."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.study import Cell
from slurm.task import sentence

if TYPE_CHECKING:
    import pandas as pd


def explain(cells: Sequence[Cell]) -> list[str]:
    """A sentence for every variant and task with something to explain, in the cells' order."""
    found: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        reasons = found.setdefault((cell.variant.name, cell.benchmark.task), [])
        if cell.done:
            reasons += _unanswered(cell.scored.per_image())
        else:
            reasons.append(f"seed {cell.seed}: {_undone(cell)}")
    return [
        f"{variant}, {task}: {'; '.join(dict.fromkeys(reasons))}"
        for (variant, task), reasons in found.items()
        if reasons
    ]


def _undone(cell: Cell) -> str:
    for run in cell.runs:
        if run.state == "failed":
            return f"the stage {run.stage} failed ({sentence(run.failure())})"
        if run.state != "done":
            return f"the stage {run.stage} has not been run to its end"
    return "not scored"


def _unanswered(samples: "pd.DataFrame") -> list[str]:
    """What a system did not support or failed at, with how many samples and the commonest why."""
    said = []
    for status in ("unsupported", "error") if "status" in samples else ():
        reasons = Counter(samples.reason[samples.status == status])
        if reasons:
            commonest = reasons.most_common(1)[0][0]
            said.append(f"{reasons.total()} of {len(samples)} samples {status} (as: {commonest})")
    return said


def notes(cells: Sequence[Cell], metrics: Sequence[str]) -> list[str]:
    """Why a metric has no value, and the warnings beside its values: a sentence each, with the
    tasks and variants it holds for, in the metrics' order."""
    where: dict[tuple[str, str], dict[str, list[str]]] = {}
    tasks: dict[str, set[str]] = {}
    for cell in cells:
        if not cell.done:
            continue
        task, variant = cell.benchmark.task, cell.variant.name
        tasks.setdefault(task, set()).add(variant)
        for score in cell.scored.scores():
            said = list(score.get("warnings", ()))
            if score["value"] is None:
                said.append(f"empty, as {score['reason']}")
            for text in said:
                held = where.setdefault((score["metric"], text), {}).setdefault(task, [])
                if variant not in held:
                    held.append(variant)
    found = []
    for metric in metrics:
        for (own, text), by_task in where.items():
            if own == metric:
                places = [
                    task if len(held) == len(tasks[task]) else f"{task}: {', '.join(held)}"
                    for task, held in by_task.items()
                ]
                found.append(f"{metric} ({'; '.join(places)}): {text}")
    return found
