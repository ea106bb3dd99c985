"""What a tuning tried and chose: `trials.csv` and `chosen.json` of `results/tuning/<name>/`, from
where studies take an arm's constants (`tuned`)."""

import csv
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.study.study import Cell
from benchmarks.study.tuning import METRIC, Tuning, hopeless
from dreamtext.errors import RunError, UserError
from dreamtext.files import file_hash, write_json, written_whole
from dreamtext.places import results

TRIALS, CHOSEN = "trials.csv", "chosen.json"
_START = "0"  # the trial of an arm's first values


def write(tuning: Tuning, cells: Sequence[Cell], folder: Path) -> dict[str, Any]:
    """Write every trial and each arm's choice; returns the choices by arm.

    Raises:
        RunError: a trial is neither scored nor hopeless.
    """
    stopped = hopeless(tuning, cells)
    rows = []
    for cell in cells:
        assert cell.train is not None
        arm, number = tuning.trial_of[cell.variant.name]
        row: dict[str, Any] = {
            "arm": arm.name,
            "trial": number,
            "variant": cell.variant.name,
            "settings": " ".join(tuning.values(arm)[number]),
            "steps": tuning.steps,
            "run": cell.score.name,
        }
        if cell.done:
            scores = {score["metric"]: score["value"] for score in cell.scored.scores()}
            row |= {"NED": scores[METRIC], "SeqAcc": scores["SeqAcc/raw"], "mIoU": scores["mIoU"]}
        elif cell.train.name in stopped:
            row["steps"] = stopped[cell.train.name]
        else:
            raise RunError(f"trial {cell.variant.name} is not scored yet; run `study tune` again")
        rows.append(row)
    columns = ("arm", "trial", "variant", "settings", "steps", "NED", "SeqAcc", "mIoU", "run")
    told = [{column: str(row.get(column, "")) for column in columns} for row in rows]
    chosen = _best(told, tuning.margin)  # before anything is written: it may have none
    with written_whole(folder / TRIALS) as beside, beside.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_json(
        folder / CHOSEN,
        {"tuning": tuning.identity, "trials": file_hash(folder / TRIALS), "chosen": chosen},
    )
    return chosen


def _read_trials(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _best(rows: Sequence[Mapping[str, str]], margin: float) -> dict[str, Any]:
    """Each arm's trial of the highest mean NED over its members, or its first where none is better
    by more than `margin`; a trial with a stopped member is out.

    Raises:
        RunError: every trial of an arm was stopped.
    """
    scores: dict[str, dict[str, list[Mapping[str, str]]]] = {}
    for row in rows:
        scores.setdefault(row["arm"], {}).setdefault(row["trial"], []).append(row)
    best = {}
    for arm, trials in scores.items():
        whole = {n: rows for n, rows in trials.items() if all(row["NED"] for row in rows)}
        if not whole:
            raise RunError(f"no trial of '{arm}' was run to its end; run `study tune` again")
        means = {number: mean(float(row["NED"]) for row in rows) for number, rows in whole.items()}
        number = max(means, key=lambda n: means[n])
        if means[number] - means.get(_START, -1.0) <= margin:
            number = _START
        settings = whole[number][0]["settings"].split()
        best[arm] = {"trial": int(number), "settings": settings, "NED": round(means[number], 6)}
    return best


def tuned(tuning: Tuning, arm: str, folder: Path | None = None) -> tuple[str, ...]:
    """The overrides chosen for an arm, from the results that come along.

    Raises:
        UserError: no such arm; or as `choices`.
    """
    names = [a.name for a in tuning.arms]
    if arm not in names:
        near = difflib.get_close_matches(arm, names, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise UserError(
            f"tuning '{tuning.name}' has no arm '{arm}'{hint} It has {', '.join(names)}"
        )
    found = choices(tuning, folder or results() / "tuning" / tuning.name)
    return tuple(found[arm]["settings"])


def choices(tuning: Tuning, folder: Path) -> dict[str, Any]:
    """Each arm's chosen trial, settings and NED.

    Raises:
        UserError: the folder's results are missing, of another declaration, or edited.
    """
    again = "run `dreamtext study tune` on its study"
    try:
        about = json.loads((folder / CHOSEN).read_text())
        rows = _read_trials(folder / TRIALS)
        stale = about["tuning"] != tuning.identity
        edited = about["trials"] != file_hash(folder / TRIALS) or about["chosen"] != _best(
            rows, tuning.margin
        )
    except FileNotFoundError as error:
        raise UserError(f"tuning '{tuning.name}' has not been run ({error}); {again}") from error
    except (ValueError, KeyError, RunError) as error:
        raise UserError(f"{folder} holds no tuning ({error!r}); {again}") from error
    if stale:
        raise UserError(
            f"the results of tuning '{tuning.name}' in {folder} are of another declaration, data "
            f"set or metric than today's; {again}"
        )
    if edited:
        raise UserError(
            f"{folder} was edited: what it chose does not follow from its trials; restore it, or "
            f"{again}"
        )
    return about["chosen"]
