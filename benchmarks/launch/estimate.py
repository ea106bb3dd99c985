"""What a study will cost in time, GPU-hours and disk, and what it has cost. Imports no torch."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.launch.tasks import home
from benchmarks.runs.folder import SPEC, STAGES, shards
from slurm.attempts import ATTEMPTS, Spent, spent
from slurm.task import DONE

if TYPE_CHECKING:
    from benchmarks.runs.folder import Run
    from benchmarks.study import Cell, Study
    from slurm.config import ClusterConfig

PROBE_STEPS = 20


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
        spent: hours that its runs have taken so far, failed attempts included.
    """

    stage: str
    done: int = 0
    failed: int = 0
    started: int = 0
    missing: int = 0
    seconds: float | None = None
    measured: int = 0
    spent: Spent = field(default_factory=Spent)

    @property
    def to_run(self) -> int:
        return self.started + self.missing


@dataclass(frozen=True)
class Plan:
    """What a study has and still needs.

    Attributes:
        disk_bytes: what the missing runs will leave, with the checkpoints of those at work; None
            where no run like them has been measured.
    """

    stages: list[StagePlan]
    gpu_hours: float | None = None
    run_hours: float | None = None
    finish_s: float | None = None
    disk_bytes: float | None = None
    unknown: list[str] = field(default_factory=list)


def plan(runs: Sequence["Run"], config: "ClusterConfig") -> Plan:
    """Count, and estimate from past runs of the same kind, or from a probe's."""
    states: dict[str, dict[str, int]] = {stage: {} for stage in STAGES}
    costs = {stage: spent([]) for stage in STAGES}
    to_run: dict[str, list[Run]] = {stage: [] for stage in STAGES}
    for run in runs:
        state = run.state
        states[run.stage][state] = states[run.stage].get(state, 0) + 1
        costs[run.stage] += spent([run.folder, *shards(run.folder)])
        if state in ("missing", "started"):
            to_run[run.stage].append(run)
    past = Past(runs[0].root, probe_root(runs[0].root)) if any(to_run.values()) else None
    stages: list[StagePlan] = []
    unknown: list[str] = []
    run_s = gpu_s = finish_s = disk = 0.0
    for stage in STAGES:
        if not states[stage]:
            continue
        resources = config.resources(stage)
        seconds, measured = past.expect(to_run[stage][0]) if past and to_run[stage] else (None, 0)
        counts = states[stage]
        stages.append(
            StagePlan(stage, **counts, seconds=seconds, measured=measured, spent=costs[stage])
        )
        if to_run[stage] and seconds is None:
            unknown.append(stage)
        elif to_run[stage] and past:
            each = [past.expect(run)[0] or seconds or 0.0 for run in to_run[stage]]
            run_s += sum(each)
            gpu_s += sum(each) * resources.gpus * resources.nodes
            # Stages of different cells overlap, so this is the finish of stages one by one: late
            # rather than early.
            finish_s += max(sum(each) / resources.parallel, max(each))
            left, peak = past.disk(to_run[stage][0])
            disk += left * len(each) + (peak - left) * min(len(each), resources.parallel)
    if unknown:
        return Plan(stages, unknown=unknown)
    return Plan(stages, gpu_s / 3600, run_s / 3600, finish_s, disk or None)


def counted_hours(runs: Iterable["Run"], tflops: float) -> float:
    """GPU-hours of the trainings that are not done, from the operations of a step of each kind.

    Args:
        tflops: what a GPU really computes a second, its peak times what is used of it.
    """
    from dreamtext.configs.schema import from_dict
    from dreamtext.configs.sections import Config
    from dreamtext.training import memory

    hours: dict[str, float] = {}  # an amount of 1, by kind
    total = 0.0
    for run in runs:
        if run.stage != "train" or run.state not in ("missing", "started"):
            continue
        kind, amount = _kind(run.stage, run.settings)
        if kind not in hours:
            config = from_dict(Config, run.settings["config"])
            hours[kind] = memory.gpu_hours(config, tflops, 1.0) / amount
        total += hours[kind] * amount
    return total


def spent_by_variant(cells: Iterable["Cell"]) -> dict[str, Spent]:
    """What each row of the table has cost so far; a run that two rows share counts for both."""
    folders: dict[str, dict[Path, None]] = {}
    for cell in cells:
        own = [folder for run in cell.runs for folder in (run.folder, *shards(run.folder))]
        folders.setdefault(cell.variant.name, {}).update(dict.fromkeys(own))
    return {name: spent(list(all_)) for name, all_ in folders.items()}


class Past:
    """Durations of runs that are done, by what they cost is made of.

    A run is like another if its stage, sizes and steps are: variants that differ in a loss weight
    take the same time, other presets do not. Training is counted by the step.
    """

    def __init__(self, *roots: Path) -> None:
        self._times: dict[str, list[float]] = {}
        self._disk: dict[str, tuple[float, float]] = {}
        self._cache: dict[str, tuple[float | None, int]] = {}
        for folder in (f for root in roots for f in root.glob("*-????????????????")):
            try:
                done = json.loads((folder / DONE).read_text())
                seconds = done["seconds"]
                spec = json.loads((folder / SPEC).read_text())
                key, amount = _kind(spec["stage"], spec["settings"])
                if "bytes" in done:
                    self._disk[key] = (done["bytes"], done["peak_bytes"])
                if _resumed(folder) or shards(folder):
                    continue  # DONE tells only how long the last attempt took, of one process
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

    def disk(self, run: "Run") -> tuple[float, float]:
        """Bytes that a run leaves, and that it needs while it works; zeros where not known."""
        return self._disk.get(_kind(run.stage, run.settings)[0], (0.0, 0.0))


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
