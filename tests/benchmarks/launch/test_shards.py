"""A large sampling as several tasks: each with a folder of its own, one that puts all together."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import small
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.commands.selection import cluster_config, find_run
from benchmarks.launch import estimate
from benchmarks.launch import tasks as grid
from benchmarks.launch.outline import outline, with_shards
from benchmarks.launch.stages import execute, paint_shard
from benchmarks.runs.folder import Run, shard, shards
from benchmarks.runs.manifest import Benchmark
from benchmarks.study.identities import sample_run, train_run
from dreamtext.errors import RunError, UserError
from dreamtext.networks.model import DreamText
from dreamtext.weights.checkpoints import save_model
from slurm.config import ClusterConfig
from slurm.lease import Lease, LeaseHeld
from slurm.progress import progress

ASKED = ("supervision", "--preset", "smoke", "--seeds", "1", "--where", "task=editing")


def planned(root: Path, n: int = 200) -> list[Run]:
    config = small.config()
    train = train_run(config, root, "a row seed 0")
    return [train, sample_run(config, Benchmark(n=n), train, title="a row seed 0")]


def test_a_sampling_is_painted_by_tasks_and_put_together_by_one(tmp_path):
    train, *parts, sample = grid.tasks_in_shares(planned(tmp_path), 3)
    assert [part.stage for part in parts] == ["shard"] * 3
    assert [part.argv[-2:] for part in parts] == [("--shard", f"{k}/3") for k in range(3)]
    assert all(part.after == (train.folder,) for part in parts)
    assert sample.after == (train.folder, *(part.folder for part in parts))
    assert [part.name for part in parts] == [f"{sample.name}.{k}-of-3" for k in range(3)]
    assert all(Path(part.folder).is_relative_to(sample.folder) for part in parts)


@pytest.mark.parametrize(("n", "asked", "shares"), [(200, 1, 0), (33, 4, 2), (32, 4, 0)])
def test_no_more_shares_than_parts_to_paint(tmp_path, n, asked, shares):
    tasks = grid.tasks_in_shares(planned(tmp_path, n), asked)
    assert sum(task.stage == "shard" for task in tasks) == shares


def test_a_system_that_is_not_ours_is_left_whole(tmp_path):
    run = planned(tmp_path)[1]
    other = replace(run, parents={})
    assert [task.stage for task in grid.tasks_in_shares([other], 4)] == ["sample"]


def test_what_was_begun_in_shares_stays_in_as_many_until_it_is_done(tmp_path):
    runs = planned(tmp_path)
    sample = runs[1]
    sample.prepare()
    shard(sample.folder, 1, 3).mkdir(parents=True)
    assert len(grid.tasks_in_shares(runs, 1)) == len(grid.tasks_in_shares(runs, 8)) == 5
    seen = with_shards(outline(runs))
    assert [task.stage for task in seen.tasks] == ["train", *["shard"] * 3, "sample"]
    assert grid.title(seen.tasks[2], seen.titles) == "a row seed 0 reconstruction, shard 1/3"
    assert find_run(f"{sample.name[:10]}.1", tmp_path) == shard(sample.folder, 1, 3)
    for name in ("samples.jsonl", "DONE.json"):
        (sample.folder / name).write_text('{"seconds": 1.0}')
    assert len(grid.tasks_in_shares(runs, 8)) == 2


def test_hours_of_shares_are_their_runs(tmp_path):
    runs = planned(tmp_path)
    runs[1].prepare()
    for number in range(2):
        own = shard(runs[1].folder, number, 2)
        own.mkdir(parents=True)
        lines = [
            {"time": 0.0, "outcome": "started", "gpus": 1},
            {"time": 3600.0, "outcome": "done"},
        ]
        (own / "attempts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = estimate.plan(runs, ClusterConfig())
    assert [stage.spent.gpu_hours for stage in found.stages] == [0.0, 2.0]


def test_a_share_asks_for_what_sampling_asks_for(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text(
        "mem_gb = 2\n[stage.sample]\nshards = 4\nmem_gb = 9\n[stage.train]\nnodes = 2\n"
    )
    config = cluster_config(path, ["sample.time_min=7"])
    assert config.resources("shard") == config.resources("sample")
    assert config.resources("shard").time_min == 7
    assert config.resources("shard").nodes == 1


@pytest.mark.parametrize("ask", ["shards=4", "train.shards=4", "score.shards=2"])
def test_only_sampling_can_be_shared(tmp_path, ask):
    with pytest.raises(UserError, match=r"say shards in \[stage\.sample\]"):
        cluster_config(None, [ask])
    with pytest.raises(ValueError, match="no stage 'shard'"):
        cluster_config(None, ["shard.time_min=4"])


def test_the_command_sends_an_array_of_shards(tmp_path):
    """Of three trainings, each with one sampling in two shares."""
    where = ["--runs", str(tmp_path / "runs"), "--cells", str(tmp_path / "cells")]
    asked = ["study", "submit", *ASKED, "--n", "64", "--ask", "sample.shards=2", "--dry-run"]
    said = CliRunner().invoke(cli.app, [*asked, *where])
    assert said.exit_code == 0, said.output
    scripts = said.output.split("#!/bin/bash")[1:]
    names = [next(line for line in s.splitlines() if "job-name" in line) for s in scripts]
    stages = ["train", "shard", "shard", "sample", "score"]
    assert names == [f"#SBATCH --job-name=supervision-{stage}" for stage in stages]
    assert "aftercorr:<job 1>,aftercorr:<job 2>,aftercorr:<job 3>" in scripts[3]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A training as if it had been done: how well the model paints is no matter here."""
    root = tmp_path_factory.mktemp("trained")
    run = planned(root)[0]
    run.prepare()
    save_model(DreamText(small.config()), run.model)
    (run.folder / "DONE.json").write_text('{"seconds": 1.0}')
    return root


def test_shares_say_how_far_they_are_and_the_whole_is_what_one_process_makes(trained, tmp_path):
    n = 70  # three parts: two of one share
    whole, run = planned(trained, n)[1], replace(planned(trained, n)[1], root=tmp_path)
    execute(whole)
    (tmp_path / run.parents["train"]).symlink_to(trained / run.parents["train"])
    run.prepare()
    paint_shard(run, "0/2")
    first, second = shard(run.folder, 0, 2), shard(run.folder, 1, 2)
    lines = [json.loads(line) for line in (first / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 32, 38]
    done = json.loads((first / "DONE.json").read_text())
    assert done["computing"]
    assert done["seconds"] > 0
    assert run.state == "started"
    second.mkdir()
    with Lease(second), pytest.raises(LeaseHeld):
        paint_shard(run, "1/2")
    assert progress(second) < progress(first)
    paint_shard(run, "1/2")
    assert shards(run.folder) == [first, second]
    execute(run)
    assert files(run.folder) == files(whole.folder)
    assert run.provenance()["shards"][0] == done


def files(folder: Path) -> dict[str, bytes]:
    """What a sampling has made: its list, its pictures, its truth and its attention."""
    made = ("samples.jsonl", "manifest.json", "raw/", "composited/", "truth", "attention")
    return {
        name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and (name := str(path.relative_to(folder))).startswith(made)
    }


def test_a_share_that_fails_says_so_in_its_own_folder(trained, tmp_path, monkeypatch):
    run = planned(trained, 40)[1]
    run.prepare()

    def broken(*_: object, **__: object) -> None:
        raise RunError("no luck")

    monkeypatch.setattr("benchmarks.samples.painting.paint", broken)
    with pytest.raises(RunError, match="no luck"):
        paint_shard(run, "0/2")
    said = json.loads((shard(run.folder, 0, 2) / "FAILED.json").read_text())
    assert said["message"] == "no luck"
    assert run.state == "started"
