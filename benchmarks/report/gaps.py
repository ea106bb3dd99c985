"""Why a cell of a table is empty, or rests on fewer samples than its neighbours."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.study import Cell


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
            failed = json.loads((run.folder / "FAILED.json").read_text())
            return f"the stage {run.stage} failed ({failed['error']}: {failed['message']})"
        if run.state != "done":
            return f"the stage {run.stage} has not been run to its end"
    return "not scored"


def _unanswered(folder: Path) -> list[str]:
    """What a system did not support or failed at, with how many samples and the commonest why."""
    lines = [json.loads(text) for text in (folder / "samples.jsonl").read_text().splitlines()]
    said = []
    for status in ("unsupported", "error"):
        reasons = Counter(line["reason"] for line in lines if line.get("status") == status)
        if reasons:
            commonest = reasons.most_common(1)[0][0]
            said.append(f"{reasons.total()} of {len(lines)} samples {status} (as: {commonest})")
    return said
