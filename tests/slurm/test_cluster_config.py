"""cluster.toml: everything wrong with it is named when it is read."""

import pytest

from slurm.config import ClusterConfig, load
from slurm.errors import SlurmInputError

GOOD = """
partition = "gpu"
time_min = 30
setup = ["module load cuda"]
sbatch = {exclude = "n3"}
[stage.train]
gpus_per_node = 4
mem_gb = 64
"""


def test_stage_section_wins_over_the_defaults(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text(GOOD)
    config = load(path)
    assert config.resources("train").gpus_per_node == 4
    assert config.resources("train").partition == "gpu"
    assert config.resources("score").gpus_per_node == 0
    assert config.resources("score").setup == ("module load cuda",)


def test_collecting_job_is_one_process_with_the_usual_memory():
    config = ClusterConfig({"mem_gb": 8.0, "gpus_per_node": 4, "nodes": 2})
    collect = config.resources("collect")
    assert (collect.mem_gb, collect.gpus_per_node, collect.nodes) == (8.0, 0, 1)
    own = ClusterConfig({"gpus_per_node": 4}, {"collect": {"gpus_per_node": 1}})
    assert own.resources("collect").gpus_per_node == 1


def test_no_file_means_the_clusters_own_defaults():
    assert load(None).resources("train").partition == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('partitoin = "gpu"', "nearest known one is 'partition'"),
        ("time_min = 'long'", "'time_min' must be a whole number"),
        ("time_min = 0", "time_min must be at least 1"),
        ("gpus_per_node = -1", "must not be negative"),
        ("setup = 'module load x'", "'setup' must be a list of texts"),
        ('account = "a\\nb"', "one line"),
        ("[stage.train]\nmemory = 3", r"\[stage.train\]: unknown key 'memory'"),
        ("stage = 3", "holds sections"),
        ("a = = b", "not valid TOML"),
        ("time_min = 1", "warning_s=90 is not shorter than the time limit"),
        ("gpus_per_node = 'two'", "neither a number nor type:number"),
        ("gpus_per_node = 2\ntasks_per_node = 4", "every process needs a GPU of its own"),
        ("sbatch = {exclude = ['n1']}", "a table of texts, numbers and true"),
    ],
)
def test_mistake_is_named(tmp_path, text, message):
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    with pytest.raises(SlurmInputError, match=message):
        load(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SlurmInputError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")


def test_overrides_win_and_are_checked():
    config = ClusterConfig({"time_min": 5}, {"train": {"time_min": 50, "gpus_per_node": 2}})
    config = config.override(["time_min=7", "train.partition=high", "mem_gb=1.5"])
    assert config.resources("train").time_min == 7
    assert config.resources("train").gpus_per_node == 2
    assert config.resources("train").partition == "high"
    assert config.resources("score").partition == ""
    assert config.resources("score").mem_gb == 1.5
    for wrong in ("time_min", "time_min=soon", "tmie_min=3", "=3"):
        with pytest.raises(SlurmInputError, match=r"time_min|override"):
            config.override([wrong])


def test_options_of_a_section_come_on_top_of_the_others(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text(
        'sbatch = {exclude = "n3", exclusive = true}\n[stage.train]\nsbatch = {nice = 5}\n'
    )
    config = load(path)
    assert config.resources("train").sbatch == {"exclude": "n3", "exclusive": True, "nice": 5}
    assert config.resources("score").sbatch == {"exclude": "n3", "exclusive": True}


@pytest.mark.parametrize(
    ("text", "count"), [("4", 4), ('"4"', 4), ('"h100:4"', 4), ('"a100-sxm4-80gb:2"', 2)]
)
def test_gpus_may_have_a_type(tmp_path, text, count):
    path = tmp_path / "cluster.toml"
    path.write_text(f"gpus_per_node = {text}")
    assert load(path).resources("train").gpus == count


def test_unknown_stage_is_named():
    config = ClusterConfig({}, {"trian": {}})
    with pytest.raises(SlurmInputError, match="did you mean 'train'"):
        config.refuse_unknown_stages(("train", "sample"))
