"""What was asked of the cluster and is not there is refused, before any work."""

import pytest
from helpers import small

from benchmarks.commands.selection import cluster_config
from benchmarks.launch.preflight import refuse_uneven_batches, refuse_without_gpus
from benchmarks.launch.stages import execute
from benchmarks.study.identities import train_run
from dreamtext.errors import UserError
from slurm.errors import SlurmInputError
from slurm.task import read_failure


@pytest.fixture
def no_gpus(monkeypatch):
    import torch

    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)


def test_gpus_that_are_not_there_are_a_failure_and_not_a_slow_training(
    tmp_path, monkeypatch, no_gpus
):
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "2")
    run = train_run(small.config(), tmp_path)
    with pytest.raises(UserError, match=r"2 GPUs .* torch sees 0"):
        execute(run)
    assert run.state == "failed"
    assert read_failure(run.folder)["final"]
    assert not (run.folder / "checkpoints").exists()


def test_job_without_gpus_needs_none(monkeypatch, no_gpus):
    monkeypatch.delenv("SLURM_GPUS_ON_NODE", raising=False)
    refuse_without_gpus()


def test_batch_that_cannot_be_shared_is_refused_before_submission(tmp_path):
    run = train_run(small.config("training.batch_size=6"), tmp_path)
    refuse_uneven_batches([run], cluster_config(None, ["train.nodes=3"]))
    with pytest.raises(UserError, match=r"batch_size=6 .* among 4 processes"):
        refuse_uneven_batches([run], cluster_config(None, ["train.nodes=4"]))


def test_sampling_and_scoring_have_a_gpu_where_training_has_some(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text('[stage.train]\ngpus_per_node = "h100:4"\ntasks_per_node = 4\n')
    config = cluster_config(path, None)
    assert (config.resources("train").gpus, config.resources("train").world_size) == (4, 4)
    for stage in ("sample", "score"):
        assert config.resources(stage).gpus_per_node == "h100:1"
        assert config.resources(stage).world_size == 1
    assert config.resources("collect").gpus == 0
    assert cluster_config(path, ["score.gpus_per_node=0"]).resources("score").gpus == 0
    assert cluster_config(None, None).resources("sample").gpus == 0


def test_stage_that_does_not_exist_is_named(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text("[stage.trian]\ngpus_per_node = 4\n")
    with pytest.raises(SlurmInputError, match=r"no stage 'trian'.*did you mean 'train'"):
        cluster_config(path, None)
    with pytest.raises(SlurmInputError, match="no stage 'smaple'"):
        cluster_config(None, ["smaple.time_min=5"])
