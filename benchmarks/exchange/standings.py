"""Who is where: systems ranked on the same samples by the same measure, as far as can be told.

Only rows of one data set, task, manifest, metric and backbone are ranked with each other. A system
is ahead of another where their intervals do not overlap, so that a rank is a span: 2-4 means that
one is surely ahead, and that the place among the next three cannot be told. That asks more than a
paired test of the two would.

The same runs under several studies' names are one system: the row that rests on most of them
stands. Studies of an old test world are left out.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.exchange.brought import ABOUT, BROUGHT
from benchmarks.report import backing
from benchmarks.runs.folder import PROVENANCE, SCORES
from dreamtext.errors import UserError

PAINT_NOTHING = ("truth", "masked", "opencv")  # shown for scale, without a rank
OURS = "this project's"
UNKNOWN = "not told"
SHIPPED = "models that come along"
_CEILINGS = ("/truth", "-ceiling")  # of the pictures, not of a system
_OF_MODEL = ("task", "manifest", "metric", "direction", "backbone", "value", "n")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A system's score, and its rank among those of the same `board`.

    Attributes:
        system: its name for people; `variant` is that in its folder's tables.
        source: the study it is of, or that the user brought it.
        first, last: the span of its rank among `rivals` systems; 0 where it has none.
        overlaps: the systems it is not told apart from.
        runs: the scoring runs it is the mean of.
    """

    system: str
    variant: str
    source: str
    licence: str
    data: str
    task: str
    manifest: str
    metric: str
    direction: str
    backbone: str
    value: float
    low: float
    high: float
    n: int
    folder: str
    first: int = 0
    last: int = 0
    rivals: int = 0
    overlaps: tuple[str, ...] = ()
    runs: frozenset[str] = frozenset()

    @property
    def alone(self) -> bool:
        """Whether it is of no study: brought pictures, or a model that comes along."""
        return self.source in (BROUGHT, SHIPPED)

    @property
    def board(self) -> tuple[str, ...]:
        """What rows must have in common to be ranked with each other."""
        return (self.data, self.task, self.manifest, self.metric, self.backbone)

    @property
    def rank(self) -> str:
        if not self.first:
            return ""
        span = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return f"{span} of {self.rivals}"


def read(folder: Path) -> list[Standing]:
    """Every score below a folder of results, ranked; the best first within each board.

    Raises:
        UserError: there are no scores.
    """
    boards: dict[tuple[str, ...], list[Standing]] = {}
    for row in read_all(folder):
        boards.setdefault(row.board, []).append(row)
    if not boards:
        raise UserError(
            f"'{folder}' has no scores.csv in any folder: run a study, or score brought pictures "
            "with `dreamtext benchmark score`"
        )
    return [row for board in sorted(boards) for row in ranked(distinct(boards[board]))]


def read_all(folder: Path) -> list[Standing]:
    """Every score below a folder of results as each study, submission and model tells it,
    unranked."""
    tables = sorted([*folder.glob("*/scores.csv"), *folder.glob("brought/*/scores.csv")])
    models = sorted(folder.glob(f"models/*/{SCORES}"))
    return [
        *(row for path in tables for row in of_folder(path.parent)),
        *(row for path in models for row in of_model(path.parent)),
    ]


def distinct(board: Sequence[Standing]) -> list[Standing]:
    """The rows of one board without those whose runs all stand in another row, as a variant's of
    fewer seeds, or of another name."""
    found: list[Standing] = []
    for row in sorted(board, key=lambda r: -len(r.runs)):  # of equal ones the first stays
        if not row.runs or not any(row.runs <= other.runs for other in found):
            found.append(row)
    return found


def ranked(board: Sequence[Standing]) -> list[Standing]:
    """The rows of one board with their ranks, the best first."""
    rivals = [row for row in board if row.system not in PAINT_NOTHING]
    placed = []
    for row in board:
        if row in rivals:
            others = [r for r in rivals if r is not row]
            before = sum(ahead(r, row) for r in others)
            behind = sum(ahead(row, r) for r in others)
            near = [r.system for r in others if not ahead(r, row) and not ahead(row, r)]
            row = replace(
                row,
                first=1 + before,
                last=len(rivals) - behind,
                rivals=len(rivals),
                overlaps=tuple(sorted(near)),
            )
        placed.append(row)
    sign = -1 if board[0].direction == "higher" else 1
    return sorted(placed, key=lambda r: (sign * r.value, r.system))


def ahead(a: Standing, b: Standing) -> bool:
    """Whether `a` is better than `b` by intervals that do not overlap."""
    return a.low > b.high if a.direction == "higher" else a.high < b.low


def chosen(
    rows: Iterable[Standing],
    *,
    data: str | None = None,
    task: str | None = None,
    licence: str | None = None,
    metric: str | None = None,
) -> list[Standing]:
    """The rows that a filter keeps; their ranks stay those among all. `licence`: part of it.

    Raises:
        UserError: none is kept, with what there is.
    """
    rows = list(rows)
    kept = [
        row
        for row in rows
        if data in (None, row.data)
        and task in (None, row.task)
        and metric in (None, row.metric)
        and (licence is None or licence.lower() in row.licence.lower())
    ]
    if not kept:
        there = {
            name: sorted({getattr(row, name) for row in rows})
            for name in ("data", "task", "licence", "metric")
        }
        told = "; ".join(f"{name}: {', '.join(values)}" for name, values in there.items())
        raise UserError(f"no score is left by this filter. There are {told}")
    return kept


def of_folder(folder: Path) -> list[Standing]:
    """The scores over all seeds of a study's folder or of one of brought pictures; unranked, none
    of a study of an old test world."""
    import pandas as pd

    about = _about(folder)
    if about["old"]:
        return []
    table = pd.read_csv(folder / "scores.csv", dtype={"seed": str, "backbone": str})
    whole = table[(table.seed == "all") & table.value.notna()]
    runs: dict[tuple[str, str], frozenset[str]] = {}
    if "run" in table:
        single = table[table.seed != "all"]
        runs = {key: frozenset(own) for key, own in single.groupby(["variant", "task"]).run}
    found = []
    for row in whole.itertuples():
        direction = directions().get(row.metric)
        if direction is None or row.metric.endswith(_CEILINGS):
            continue
        if about["names"] and row.variant not in about["names"]:
            continue  # a partial folder's scores over what was brought alone: chosen samples
        known = row.low == row.low  # not NaN: without an interval nothing can be told apart
        found.append(
            Standing(
                system=about["names"].get(row.variant, row.variant),
                variant=row.variant,
                source=about["source"],
                licence=about["licences"].get(row.variant, UNKNOWN) or UNKNOWN,
                data=about["data"],
                task=row.task,
                manifest=row.manifest,
                metric=row.metric,
                direction=direction,
                backbone=row.backbone if isinstance(row.backbone, str) else "",
                value=row.value,
                low=row.low if known else float("-inf"),
                high=row.high if known else float("inf"),
                n=int(row.n),
                folder=folder.name,
                runs=runs.get((row.variant, row.task), frozenset()),
            )
        )
    return found


def of_model(folder: Path) -> list[Standing]:
    """The scores beside an exported model (`benchmarks.exchange.shipped`); unranked."""
    data = json.loads((folder / "config.json").read_text("utf-8"))["data"]["name"]
    return [
        Standing(
            system=f"shipped {folder.name}",
            variant=folder.name,
            source=SHIPPED,
            licence=OURS,
            data=data,
            folder=folder.name,
            low=float("-inf") if row["low"] is None else row["low"],
            high=float("inf") if row["high"] is None else row["high"],
            runs=frozenset({row["run"]}),
            **{k: row[k] for k in _OF_MODEL},
        )
        for row in json.loads((folder / SCORES).read_text("utf-8"))
        if not row["metric"].endswith(_CEILINGS)
    ]


def _about(folder: Path) -> dict[str, Any]:
    """Of a study or of brought pictures: source, data set, names and licences by variant."""
    if (folder / ABOUT).is_file():
        told = json.loads((folder / ABOUT).read_text("utf-8"))
        return {
            "old": False,
            "source": told["provenance"],
            "data": told["data"],
            "names": {told["variant"]: told["name"]},
            "licences": {told["variant"]: told["licence"]},
        }
    from benchmarks.study import load_study

    path = folder / PROVENANCE
    told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    name = told.get("study", folder.name)
    about: dict[str, Any] = {"old": backing.is_old(told), "source": f"study {name}"}
    try:
        study = load_study(name)
    except UserError:  # a study file of the user's own, not here any more
        return about | {"data": UNKNOWN, "names": {}, "licences": {}}
    return about | {
        "data": told.get("data", study.data),
        # Two studies' variants of one name are two systems; a reference is the same everywhere.
        "names": {
            v.name: f"{folder.name} {v.name}" if v.system == "dreamtext" else v.name
            for v in study.variants
        },
        "licences": {v.name: _licence(v.system) for v in study.variants},
    }


def _licence(system: str) -> str:
    from baselines.catalogue import configured

    return OURS if system == "dreamtext" else configured(system).capabilities.licence


@cache
def directions() -> dict[str, str]:
    """higher or lower, by metric."""
    from benchmarks.metrics.registry import registered

    return {name: metric.direction for name, metric in registered().items()}
