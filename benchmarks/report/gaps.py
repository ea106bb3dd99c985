"""Why a cell of a table is empty, or rests on fewer samples than its neighbours, and what a reader
of its numbers must know."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.samples.folder import SAMPLES
from benchmarks.study import Cell
from slurm.task import sentence


def explain(cells: Sequence[Cell]) -> list[str]:
    """A sentence for every variant and task with something to explain, in the cells' order."""
    found: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        reasons = found.setdefault((cell.variant.name, cell.benchmark.task), [])
        if cell.score.state == "done":
            reasons += _unanswered(cell.sample.folder)
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


def _unanswered(folder: Path) -> list[str]:
    """What a system did not support or failed at, with how many samples and the commonest why."""
    lines = [json.loads(text) for text in (folder / SAMPLES).read_text().splitlines()]
    said = []
    for status in ("unsupported", "error"):
        reasons = Counter(line["reason"] for line in lines if line.get("status") == status)
        if reasons:
            commonest = reasons.most_common(1)[0][0]
            said.append(f"{reasons.total()} of {len(lines)} samples {status} (as: {commonest})")
    return said


def notes(cells: Sequence[Cell], metrics: Sequence[str]) -> list[str]:
    """Why a metric has no value, and the warnings beside its values: a sentence each, with the
    tasks and variants it holds for, in the metrics' order."""
    where: dict[tuple[str, str], dict[str, list[str]]] = {}
    tasks: dict[str, set[str]] = {}
    for cell in cells:
        if cell.score.state != "done":
            continue
        task, variant = cell.benchmark.task, cell.variant.name
        tasks.setdefault(task, set()).add(variant)
        for score in json.loads((cell.score.folder / "scores.json").read_text()):
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
