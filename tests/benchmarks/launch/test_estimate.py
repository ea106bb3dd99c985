"""What a study has cost, and the room that it will need."""

import json
from pathlib import Path

import pytest

from benchmarks.launch import estimate
from benchmarks.launch.tasks import distinct_runs
from benchmarks.runs.folder import MAKES
from benchmarks.runs.work import working
from benchmarks.study import Study, load_study
from slurm.config import ClusterConfig
from slurm.lease import Lease


@pytest.fixture
def study() -> Study:
    return load_study("supervision").narrowed(preset="smoke", seeds=[0, 1], n=16)


def write_attempts(folder: Path, *lines: tuple[str, float, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = [{"outcome": o, "time": t * 3600, "gpus": g} for o, t, g in lines]
    (folder / "attempts.jsonl").write_text("".join(json.dumps(v) + "\n" for v in values))


def test_every_attempt_costs_whatever_came_of_it(study, tmp_path):
    cells = study.cells(tmp_path)
    (first, *_) = distinct_runs(cells)
    write_attempts(
        first.folder,
        ("started", 0.0, 4),
        ("failed", 2.0, 0),
        ("started", 5.0, 4),
        ("done", 6.0, 0),
    )
    spent = estimate.spent_by_variant(cells)
    row = next(name for name in spent if f" {name} " in first.title)
    assert (spent[row].run_hours, spent[row].gpu_hours) == (3.0, 12.0)
    assert sum(cost.gpu_hours for cost in spent.values()) == 12.0
    (train, *_) = estimate.plan(distinct_runs(cells), ClusterConfig()).stages
    assert train.spent.gpu_hours == 12.0


def test_attempt_without_an_end_counts_while_it_is_under_way(study, tmp_path):
    (run, *_) = distinct_runs(study.cells(tmp_path))
    write_attempts(run.folder, ("started", 0.0, 1))
    assert estimate.spent([run.folder]).run_hours == 0
    with Lease(run.folder):
        assert estimate.spent([run.folder]).run_hours > 0


def test_checkpoints_go_when_a_training_is_done_and_their_room_is_foreseen(study, tmp_path):
    runs = [run for run in distinct_runs(study.cells(tmp_path)) if run.stage == "train"]
    with working(runs[0]):
        for name, size in (("checkpoints/step-2/a", 2_000_000), (*MAKES["train"], 1_000_000)):
            path = runs[0].folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(size))
    assert runs[0].state == "done"
    assert not (runs[0].folder / "checkpoints").exists()
    plan = estimate.plan(runs, ClusterConfig({"parallel": 2}))
    # Five models are left in the end, and two trainings have their checkpoints at a time.
    assert plan.disk_bytes == pytest.approx(5 * 1e6 + 2 * 2e6, rel=0.05)


def test_checkpoints_of_an_unfinished_training_stay(study, tmp_path):
    (run, *_) = distinct_runs(study.cells(tmp_path))
    with pytest.raises(KeyboardInterrupt), working(run):  # noqa: PT012
        (run.folder / "checkpoints").mkdir()
        raise KeyboardInterrupt
    assert (run.folder / "checkpoints").exists()
