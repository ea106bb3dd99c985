"""What a study's tables are made of, and all they are made of: values per image and per run.

Read from scored cells, wherever they lie; from kept ones (`results/cells`) every printed number can
be computed again without a run.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.cells.reader import RunCell
from benchmarks.report import computed
from benchmarks.runs.folder import MANIFEST, PER_IMAGE, SCORES
from benchmarks.study import Cell
from dreamtext.errors import RunError, UserError
from slurm.task import sentence

if TYPE_CHECKING:
    import pandas as pd

_SCORE = (
    *("metric", "value", "low", "high", "n", "backbone", "version", "direction", "unit"),
    "reason",
)


NOT_RUN = "not run yet"


@dataclass(frozen=True, eq=False)
class Record:
    """A study's values.

    Attributes:
        images: a row a `variant`, `seed`, `task` and sample (`id`), with what its data set tells of
            it, `status`, and a column a metric, NaN where it has no value.
        runs: a row a variant, seed, task and metric as the run scored it; `planned` is how many
            runs the variant should have, one for a system that makes no use of seeds. A cell
            without scores has one row of metric "", with the `reason`; `computed` is on what
            (`benchmarks.report.computed`).
        metrics: those with values per image, in order.
    """

    images: "pd.DataFrame"
    runs: "pd.DataFrame"
    metrics: tuple[str, ...]


def collect(cells: Iterable[Cell]) -> Record:
    """The values of every scored cell; a system that makes no use of seeds is counted once.

    Raises:
        RunError: no cell is scored yet.
        UserError: a run's files are of another manifest or metric version than the study's.
    """
    import pandas as pd

    cells = list(cells)
    planned: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        planned.setdefault((cell.variant.name, cell.benchmark.name), set()).add(cell.score.name)
    images: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    metrics: dict[str, None] = {}
    taken = set()
    for cell in cells:
        key = (cell.variant.name, cell.benchmark.name)
        if (*key, cell.score.name) in taken:
            continue
        taken.add((*key, cell.score.name))
        about = {
            "variant": cell.variant.name,
            "seed": str(cell.seed),
            "task": cell.benchmark.name,
            "planned": len(planned[key]),
            "manifest": cell.sample.identity["manifest"],
            "run": cell.score.name,
            "computed": computed.where(cell.scored.provenance()) if cell.done else "",
        }
        if not cell.done:
            rows.append(about | {"metric": "", "reason": _undone(cell)})
            continue
        scores = _scores(cell)
        own = [s["metric"] for s in scores]
        frame = _per_image(cell, own)
        metrics |= dict.fromkeys(m for m in own if m in frame)
        unsupported = int((frame.status == "unsupported").sum())
        rows += [
            about | _row(score, score["metric"] in frame, unsupported, len(frame))
            for score in scores
        ]
        for place, name in enumerate(("variant", "seed", "task")):
            frame.insert(place, name, about[name])
        images.append(frame)
    if not images:
        raise RunError("no cell of the study is scored yet; run it first")
    runs = pd.DataFrame(rows)
    text = ("metric", "reason", "backbone", "warnings")
    runs = runs.assign(**{c: runs[c].fillna("") for c in text})
    return Record(pd.concat(images, ignore_index=True), runs, tuple(metrics))


def _undone(cell: Cell) -> str:
    """Why a cell has no scores."""
    if all(run.state == "missing" for run in cell.runs):
        return NOT_RUN
    for run in cell.runs:
        if run.state == "failed":
            return f"the stage {run.stage} failed ({sentence(run.failure())})"
        if run.state != "done":
            return f"the stage {run.stage} has not been run to its end"
    return "not scored"


def _scores(cell: Cell) -> list[dict[str, Any]]:
    scores = cell.scored.scores()
    expected = cell.score.identity["metrics"]
    for score in scores:
        metric, version = score["metric"], score["version"]
        if expected.get(metric, version) != version:
            raise UserError(
                f"{cell.score.name}/{SCORES} has version {version} of {metric}, the study asks "
                f"for version {expected[metric]}: it is of another revision of the metric; score "
                "again with `study run --force score`"
            )
    return scores


def _per_image(cell: Cell, metrics: list[str]) -> "pd.DataFrame":
    """A row a sample of one run; without values where the system does not support it."""
    frame = cell.scored.per_image().reset_index()
    if "status" not in frame:
        frame["status"] = "ok"
    if isinstance(cell.scored, RunCell):
        _refuse_foreign(cell, frame)
    unsupported = frame.status == "unsupported"
    if unsupported.any():
        frame.loc[unsupported, [m for m in metrics if m in frame]] = float("nan")
    return frame


def _refuse_foreign(cell: Cell, samples: "pd.DataFrame") -> None:
    """A run's folder may hold anything; a kept cell's hashes were checked when it was read."""
    path = cell.sample.folder / MANIFEST
    if path.is_file():
        found, asked = json.loads(path.read_text())["hash"], cell.sample.identity["manifest"]
        if found != asked:
            raise UserError(
                f"{path} is the manifest {found}, the study asks for {asked}: the run's folder "
                "holds another benchmark's samples; remove it and run the study again"
            )
    values = set(cell.score.per_image().index)
    asked_for = set(samples.id[samples.status != "unsupported"])
    if not asked_for <= values <= set(samples.id):
        odd = sorted(asked_for ^ values)[0]
        raise UserError(
            f"{cell.score.folder / PER_IMAGE} holds {len(values)} samples, {cell.sample.name} "
            f"painted {len(asked_for)} (for instance '{odd}' is in only one of them): it is of "
            "another manifest; score again with `study run --force score`"
        )


def _row(score: dict[str, Any], per_image: bool, unsupported: int, n: int) -> dict[str, Any]:
    row = {name: score[name] for name in _SCORE}
    row["warnings"] = "; ".join(score.get("warnings", ()))
    whole = not per_image and not score["metric"].endswith("/truth")
    if unsupported and (whole or unsupported == n):
        # The picture of such a sample is no answer: a set with it has no distance, and no share.
        row |= {"value": None, "low": None, "high": None, "n": 0}
        row["reason"] = f"{unsupported} of {n} samples are unsupported"
    return row
