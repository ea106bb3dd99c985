"""A study as tasks of the launcher, and what they will cost. Imports no torch."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.runs.folder import MAKES, SPEC, STAGES
from slurm.attempts import ATTEMPTS
from slurm.task import DONE, Task

if TYPE_CHECKING:
    from benchmarks.runs.folder import Run
    from benchmarks.study import Cell, Study
    from slurm.config import ClusterConfig

HOME = "launch"
PROBE_STEPS = 20


def home(root: Path) -> Path:
    """The launcher's folder: records of submissions, snapshots of the code, SLURM's own logs."""
    return root.resolve() / HOME


def distinct_runs(cells: Iterable["Cell"]) -> list["Run"]:
    """Every run that a study needs once, parents before children; a kept cell needs none."""
    runs = {run.name: run for cell in cells if not cell.kept for run in cell.runs}
    return sorted(runs.values(), key=lambda run: STAGES.index(run.stage))


def tasks(runs: Iterable["Run"]) -> list[Task]:
    """The launcher's view of runs: a folder, and the program that fills it."""
    roots: dict[Path, str] = {}
    out = []
    for run in runs:
        if run.root not in roots:
            roots[run.root] = str(run.root.resolve())
        root = roots[run.root]
        folder = f"{root}/{run.name}"
        program = ("python", "-m", "benchmarks.launch.stages", folder)
        after = tuple(f"{root}/{name}" for name in run.parents.values())
        out.append(Task(folder, program, run.stage, after, MAKES[run.stage]))
    return out


def steps(runs: Iterable["Run"]) -> dict[str, int]:
    """Folder -> how many steps a training run has, for its time remaining."""
    trainings = [run for run in runs if run.stage == "train"]
    return {
        task.folder: run.settings["config"]["training"]["steps"]
        for task, run in zip(tasks(trainings), trainings, strict=True)
    }


def probe_root(root: Path) -> Path:
    """Where a probe's runs lie, apart from those of any table."""
    return home(root) / "probe"


def probe(study: "Study", root: Path) -> None:
    """Measure what is not known: a few training steps, and one benchmark, of one variant."""
    from benchmarks.launch.local import run_cells

    variant = next((v for v in study.variants if v.system == "dreamtext"), study.variants[0])
    small = study.narrowed(
        seeds=[study.seeds[0]],
        where={"variant": variant.name},
        overrides=[f"training.steps={PROBE_STEPS}"],
    )
    run_cells(small.cells(probe_root(root)))


@dataclass(frozen=True)
class StagePlan:
    """One stage of a study: what is there and what would run.

    Attributes:
        seconds: expected for one run; None when none like it has been measured.
        measured: how many past runs that is the median of.
    """

    stage: str
    done: int = 0
    failed: int = 0
    started: int = 0
    missing: int = 0
    seconds: float | None = None
    measured: int = 0

    @property
    def to_run(self) -> int:
        return self.started + self.missing


@dataclass(frozen=True)
class Plan:
    """What a study has and still needs."""

    stages: list[StagePlan]
    gpu_hours: float | None = None
    run_hours: float | None = None
    finish_s: float | None = None
    unknown: list[str] = field(default_factory=list)


def plan(runs: Sequence["Run"], config: "ClusterConfig") -> Plan:
    """Count, and estimate from past runs of the same kind, or from a probe's."""
    states: dict[str, dict[str, int]] = {stage: {} for stage in STAGES}
    to_run: dict[str, list[Run]] = {stage: [] for stage in STAGES}
    for run in runs:
        state = run.state
        states[run.stage][state] = states[run.stage].get(state, 0) + 1
        if state in ("missing", "started"):
            to_run[run.stage].append(run)
    past = Past(runs[0].root, probe_root(runs[0].root)) if any(to_run.values()) else None
    stages: list[StagePlan] = []
    unknown: list[str] = []
    run_s = gpu_s = finish_s = 0.0
    for stage in STAGES:
        if not states[stage]:
            continue
        resources = config.resources(stage)
        seconds, measured = past.expect(to_run[stage][0]) if past and to_run[stage] else (None, 0)
        stages.append(StagePlan(stage, **states[stage], seconds=seconds, measured=measured))
        if to_run[stage] and seconds is None:
            unknown.append(stage)
        elif to_run[stage] and past:
            each = [past.expect(run)[0] or seconds or 0.0 for run in to_run[stage]]
            run_s += sum(each)
            gpu_s += sum(each) * resources.gpus * resources.nodes
            # Stages of different cells overlap, so this is the finish of stages one by one: late
            # rather than early.
            finish_s += max(sum(each) / resources.parallel, max(each))
    if unknown:
        return Plan(stages, unknown=unknown)
    return Plan(stages, gpu_s / 3600, run_s / 3600, finish_s)


class Past:
    """Durations of runs that are done, by what they cost is made of.

    A run is like another if its stage, sizes and steps are: variants that differ in a loss weight
    take the same time, other presets do not. Training is counted by the step.
    """

    def __init__(self, *roots: Path) -> None:
        self._times: dict[str, list[float]] = {}
        self._cache: dict[str, tuple[float | None, int]] = {}
        for folder in (f for root in roots for f in root.glob("*-????????????????")):
            try:
                seconds = json.loads((folder / DONE).read_text())["seconds"]
                spec = json.loads((folder / SPEC).read_text())
                if _resumed(folder):
                    continue  # DONE tells only how long the last attempt took
                key, amount = _kind(spec["stage"], spec["settings"])
            except (OSError, ValueError, KeyError):
                continue
            self._times.setdefault(key, []).append(seconds / amount)

    def expect(self, run: "Run") -> tuple[float | None, int]:
        """Expected seconds, and of how many past runs that is the median."""
        from statistics import median

        key, amount = _kind(run.stage, run.settings)
        if key not in self._cache:
            times = self._times.get(key, [])
            self._cache[key] = (median(times) if times else None, len(times))
        seconds, count = self._cache[key]
        return (None if seconds is None else seconds * amount), count


def _resumed(folder: Path) -> bool:
    try:
        return (folder / ATTEMPTS).read_text().count('"outcome": "started"') > 1
    except OSError:
        return False


def _kind(stage: str, settings: dict[str, Any]) -> tuple[str, float]:
    """What a run's duration depends on, and the amount it is proportional to."""
    config = settings["config"]
    data = config["data"]
    size = [data["name"], data["height"], data["width"]]
    model = config["model"]["unet"]["widths"]
    if stage == "train":
        training = config["training"]
        amount = training["steps"]
        cost = [*size, model, training["batch_size"], training["accumulate"]]
    elif stage == "sample":
        amount = settings["benchmark"]["n"]
        sampling = config["sampling"]
        task = settings["benchmark"]["task"]
        cost = [*size, model, settings["system"], sampling["steps"], task]
    else:
        amount, cost = 1, size
    return f"{stage} {cost}", float(amount)
