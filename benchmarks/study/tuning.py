"""Fair tuning: every arm gets as many trials of as many steps, over a few constants of its own.

A tuning is an ordinary study over the validation split, a variant a trial, so it runs wherever
studies run. `study tune` runs it here, stops hopeless trials, and writes what was tried and chosen
(`benchmarks.study.chosen`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

from benchmarks.runs.manifest import Benchmark
from benchmarks.study.study import Cell, Study, Variant, load_module
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override, signature
from dreamtext.errors import UserError

METRIC = "NED/raw"
_SNAPSHOT = "validation_NED"  # of a training's log: the same measure on the way
_ENOUGH = 3  # trials that a median is taken of


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
    finished = {cell.train.name for cell in cells if cell.train and trained(cell)}
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


def left(tuning: Tuning, cells: Sequence[Cell]) -> list[Cell]:
    """The trials that are neither scored nor hopeless."""
    stopped = hopeless(tuning, cells)
    return [c for c in cells if not c.done and c.train and c.train.name not in stopped]


def trained(cell: Cell) -> bool:
    return cell.done or (cell.train is not None and cell.train.state == "done")
