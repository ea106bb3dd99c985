"""The paper's grids, studies as tasks of a launcher, and estimates of what they cost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT

from benchmarks.commands.selection import duration, find_run
from benchmarks.launch import estimate
from benchmarks.launch import tasks as grid
from benchmarks.runs.folder import MAKES
from benchmarks.runs.work import leads, working
from benchmarks.study import Study, Variant, load_study
from benchmarks.study.variants import axis, cross
from dreamtext.errors import UserError
from slurm.config import ClusterConfig


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("supervision", 3),
        ("warmup", 6),
        ("losses", 9),
        ("mechanism", 12),
        ("masks", 5),
        ("weights", 6),
        ("encoder", 3),
        ("base", 6),
        ("objective", 9),
    ],
)
def test_no_two_rows_of_a_grid_are_the_same_run(name, rows, tmp_path):
    study = load_study(name).narrowed(seeds=[0])
    trained = {cell.train.name for cell in study.cells(tmp_path)}
    assert len(trained) == len(study.variants) == rows


def test_warmup_counts_the_papers_steps_at_any_size():
    study = load_study("warmup")
    config = study.config(next(v for v in study.variants if v.name == "50k"), 0)
    assert config.objective.supervision.steps(200_000) == 50_000
    assert config.objective.supervision.steps(400) == 100


def test_axes_cross_and_name_their_cells():
    found = cross(axis("objective.gamma", (0.5, 1.0)), axis("masks.blur_kernel", (1, 3), "k"))
    assert [v.name for v in found] == [
        "gamma=0.5 k=1",
        "gamma=0.5 k=3",
        "gamma=1 k=1",
        "gamma=1 k=3",
    ]
    assert found[1].overrides == ("objective.gamma=0.5", "masks.blur_kernel=3")
    with pytest.raises(UserError, match="cannot be crossed"):
        cross(axis("seed", (1,)), (Variant(name="truth", system="truth"),))


def make_done(run, seconds: float) -> None:
    run.prepare()
    for name in MAKES[run.stage]:
        (run.folder / name).parent.mkdir(exist_ok=True)
        (run.folder / name).touch()
    (run.folder / "DONE.json").write_text(json.dumps({"seconds": seconds}))


@pytest.fixture
def study(tmp_path) -> tuple[Study, list, Path]:
    study = load_study("supervision").narrowed(preset="smoke", seeds=[0, 1], n=16)
    return study, study.cells(tmp_path), tmp_path


def test_tasks_are_each_run_once_behind_what_they_read(study):
    _, cells, _ = study
    tasks = grid.tasks(grid.distinct_runs(cells))
    assert len(tasks) == len({task.folder for task in tasks}) == 6 + 12 + 12
    seen = set()
    for task in tasks:
        assert seen.issuperset(task.after)
        assert Path(task.folder).is_absolute()
        assert task.argv[-1] == task.folder
        seen.add(task.folder)


def test_plan_counts_and_estimates_from_past_runs_of_the_same_size(study):
    study, cells, root = study
    runs = grid.distinct_runs(cells)
    config = ClusterConfig({"parallel": 2}, {"train": {"gpus_per_node": 4}})
    empty = estimate.plan(runs, config)
    assert [s.to_run for s in empty.stages] == [6, 12, 12]
    assert empty.unknown == ["train", "sample", "score"]
    for run in runs:
        if run.title.startswith("supervision none seed 0"):
            make_done(run, {"train": 40.0, "sample": 16.0, "score": 10.0}[run.stage])
    plan = estimate.plan(runs, config)
    assert [(s.done, s.missing) for s in plan.stages] == [(1, 5), (2, 10), (2, 10)]
    assert plan.run_hours == pytest.approx((5 * 40 + 10 * 16 + 10 * 10) / 3600)
    assert plan.gpu_hours == pytest.approx(5 * 40 * 4 / 3600)
    assert plan.finish_s == pytest.approx(5 * 40 / 2 + 10 * 16 / 2 + 10 * 10 / 2)
    # Twice the steps take twice the time; another model size tells nothing.
    longer = study.narrowed(overrides=["training.steps=80"]).cells(root)
    stages = estimate.plan(grid.distinct_runs(longer), config).stages
    assert stages[0].seconds == pytest.approx(80.0)
    other = study.narrowed(preset="tiny").cells(root)
    assert "train" in estimate.plan(grid.distinct_runs(other), config).unknown


def test_time_of_a_resumed_run_is_not_taken_for_a_whole_one(study):
    _, cells, _ = study
    runs = grid.distinct_runs(cells)
    make_done(runs[0], 3.0)
    (runs[0].folder / "attempts.jsonl").write_text('{"outcome": "started", "time": 1}\n' * 2)
    assert "train" in estimate.plan(runs, ClusterConfig()).unknown


def test_run_is_found_by_the_beginning_of_its_name(study):
    _, cells, root = study
    runs = grid.distinct_runs(cells)
    for run in runs[:2]:
        run.prepare()
    assert find_run(runs[0].name[:12], root) == runs[0].folder
    assert find_run(str(runs[0].folder), root) == runs[0].folder
    with pytest.raises(UserError, match="begins 2 runs"):
        find_run("train-", root)
    with pytest.raises(UserError, match="no run in"):
        find_run("score-", root)


def test_plan_and_status_import_no_torch(tmp_path):
    code = (
        "import sys\nfrom benchmarks import cli\nfor command in ('plan', 'status', 'failures'):\n"
        "    sys.argv = ['dreamtext', 'study', command, 'masks', '--runs', sys.argv[-1]]\n"
        "    try:\n        cli.main()\n    except SystemExit as end:\n        assert not end.code\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    assert not list(tmp_path.glob("train-*"))


def test_times_are_for_people():
    assert [duration(s) for s in (5, 600, 7200)] == ["5 s", "10 min", "2.0 h"]


@pytest.mark.parametrize(
    ("environment", "leading"),
    [
        ({}, True),
        ({"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}, False),
        ({"WORLD_SIZE": "2", "RANK": "1"}, False),  # torchrun, accelerate launch
        ({"WORLD_SIZE": "2", "RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "RANK": "1", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, False),
    ],
)
def test_one_process_leads_whoever_started_it(environment, leading, monkeypatch):
    for name in ("SLURM_NTASKS", "SLURM_PROCID", "WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert leads() is leading


def test_of_a_jobs_tasks_only_the_first_holds_the_folder_and_says_done(study, monkeypatch):
    _, cells, _ = study
    run = grid.distinct_runs(cells)[0]
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_PROCID", "1")
    with working(run):
        assert not list(run.folder.glob("lease-*"))
    assert run.state == "started"
    monkeypatch.setenv("SLURM_PROCID", "0")
    with working(run):
        assert list(run.folder.glob("lease-*"))
        monkeypatch.setenv("SLURM_PROCID", "1")
        problem = pytest.raises(ValueError, match="first task")
        with working(run), problem, working(run):
            raise ValueError("only the first task's failure is the run's")
        monkeypatch.setenv("SLURM_PROCID", "0")
    assert (run.folder / "DONE.json").exists()
    assert not (run.folder / "FAILED.json").exists()
