"""Fair tuning: every arm gets as many trials of as many steps, over a few constants of its own.

A tuning is an ordinary study over the validation split, a variant a trial, so it runs wherever
studies run. `study tune` runs it here, stops hopeless trials, and writes what was tried and chosen
to `results/tuning/<name>/`, from where studies take it (`tuned`).
"""

import csv
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.runs.manifest import Benchmark
from benchmarks.study.study import Cell, Study, Variant, load_module
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override, signature
from dreamtext.errors import RunError, UserError
from dreamtext.files import file_hash, write_json, written_whole
from dreamtext.places import results

METRIC = "NED/raw"
_SNAPSHOT = "validation_NED"  # of a training's log: the same measure on the way
_ENOUGH = 3  # trials that a median is taken of
_START = "0"  # the trial of an arm's first values
TRIALS, CHOSEN = "trials.csv", "chosen.json"


@dataclass(frozen=True)
class Range:
    """Values from `low` to `high`, even on a logarithmic scale; the first trial takes `first`."""

    low: float
    high: float
    first: float

    def at(self, share: float) -> str:
        return f"{self.low * (self.high / self.low) ** share:.3g}"

    @property
    def start(self) -> str:
        return f"{self.first:g}"

    def check(self, key: str) -> None:
        if not 0 < self.low < self.high:
            raise UserError(
                f"the range of '{key}' is empty: {self.low:g} to {self.high:g}; give 0 < low < high"
            )


@dataclass(frozen=True)
class Choice:
    """One of a few values, each as likely; the first trial takes the first one."""

    values: tuple[str, ...]

    def at(self, share: float) -> str:
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    @property
    def start(self) -> str:
        return self.values[0]

    def check(self, key: str) -> None:
        if not self.values:
            raise UserError(f"the choice of '{key}' is empty; give at least one value")


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is tuned: constants of one variant, or constants that several share, which are chosen
    on the mean of those."""

    name: str
    members: tuple[Variant, ...]
    space: Mapping[str, Range | Choice]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Arms, and the trials and steps that each of them gets.

    Raises:
        UserError: an unknown key, or an empty range.
    """

    name: str
    arms: tuple[Arm, ...]
    trials: int = 8
    steps: int = 400
    margin: float = 0.0  # an arm leaves its first trial only for one whose NED is higher by more
    preset: str = "tiny"
    n: int = 96

    def __post_init__(self) -> None:
        for arm in self.arms:
            for key, values in arm.space.items():
                values.check(key)
                try:
                    override(preset(self.preset), [f"{key}={values.start}"])
                except UserError as error:
                    raise UserError(f"the space of '{arm.name}': {error}") from error

    def values(self, arm: Arm) -> list[tuple[str, ...]]:
        """Overrides of each trial of an arm: its start, then points spread evenly (Halton)."""
        from scipy.stats import qmc

        points = qmc.Halton(len(arm.space), rng=0).random(self.trials - 1)
        rows = [tuple(f"{key}={values.start}" for key, values in arm.space.items())]
        for point in points:
            shares = zip(arm.space.items(), point, strict=True)
            rows.append(tuple(f"{key}={values.at(share)}" for (key, values), share in shares))
        return rows

    @cached_property
    def trial_of(self) -> dict[str, tuple[Arm, int]]:
        """Name of a variant -> the arm and number of the trial that it is part of."""
        return {
            _title(arm, member, number): (arm, number)
            for arm in self.arms
            for number in range(self.trials)
            for member in arm.members
        }

    def study(self) -> Study:
        """The trials as a study."""
        variants = tuple(
            Variant(name=_title(arm, member, number), overrides=(*member.overrides, *values))
            for arm in self.arms
            for number, values in enumerate(self.values(arm))
            for member in arm.members
        )
        return Study(
            name=f"tuning-{self.name}",
            question=f"Which constants suit each arm, by {METRIC} on validation words?",
            preset=self.preset,
            overrides=(
                f"training.steps={self.steps}",
                f"training.validate_every={max(1, self.steps // 4)}",
                f"training.validate_words={self.n}",
            ),
            variants=variants,
            reference=variants[0].name,
            seeds=(0,),
            benchmarks=(Benchmark(split="validation", n=self.n),),
            metrics=(METRIC, "SeqAcc/raw", "mIoU"),
        )

    @property
    def identity(self) -> str:
        """A hash of everything that decides its trials' results."""
        return signature([cell.score.name for cell in self.study().cells(Path())])


def _title(arm: Arm, member: Variant, number: int) -> str:
    own = arm.name if len(arm.members) == 1 else f"{arm.name} ({member.name})"
    return f"{own} #{number}"


def load_tuning(name: str) -> Tuning:
    """A tuning by the name of its study, or from a Python file that defines `TUNING`.

    Raises:
        UserError: there is none, or it tunes nothing.
    """
    tuning = getattr(load_module(name), "TUNING", None)
    if not isinstance(tuning, Tuning):
        raise UserError(f"the study {name} tunes nothing: its file defines no TUNING")
    return tuning


# --- hopeless trials ----------------------------------------------------------------------------


def hopeless(tuning: Tuning, cells: Sequence[Cell]) -> dict[str, int]:
    """Trainings not worth going on with -> the step they are at: at their last snapshot, of the
    second half, they read worse than the median of the other trials of their arm at that step."""
    paths: dict[str, dict[str, dict[int, float]]] = {}
    for cell in cells:
        assert cell.train is not None
        group = cell.variant.name.rpartition(" #")[0]
        log = cell.scored.log() if cell.done else cell.train.log()
        paths.setdefault(group, {})[cell.train.name] = {
            line["step"]: line[_SNAPSHOT] for line in log if _SNAPSHOT in line
        }
    finished = {cell.train.name for cell in cells if cell.train and _trained(cell)}
    found = {}
    for trials in paths.values():
        for name, path in trials.items():
            if name in finished or not path:
                continue
            step = max(path)
            if 2 * step < tuning.steps:  # hardly anything is read by then, whatever the constants
                continue
            others = [p[step] for n, p in trials.items() if n != name and step in p]
            if len(others) >= _ENOUGH and path[step] < median(others):
                found[name] = step
    return found


def _trained(cell: Cell) -> bool:
    return cell.done or (cell.train is not None and cell.train.state == "done")


# --- what was tried and chosen ------------------------------------------------------------------


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
    with written_whole(folder / TRIALS) as beside, beside.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    chosen = _best(_read_trials(folder / TRIALS), tuning.margin)
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
        UserError: no such arm; or its results are missing, of another declaration, or edited.
    """
    folder = folder or results() / "tuning" / tuning.name
    names = [a.name for a in tuning.arms]
    if arm not in names:
        near = difflib.get_close_matches(arm, names, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise UserError(
            f"tuning '{tuning.name}' has no arm '{arm}'{hint} It has {', '.join(names)}"
        )
    again = f"run `dreamtext study tune {tuning.name}`"
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
    return tuple(about["chosen"][arm]["settings"])
