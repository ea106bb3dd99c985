"""Grids without a study file."""

import pytest

from benchmarks.study import load_study, sweep
from dreamtext.errors import UserError

AXES = ("objective.alpha=0.01,0.1", "model.unet.widths=[16,32],[32,64]")


def test_sweep_is_every_combination_and_a_study_file_that_says_so(tmp_path):
    path, study = sweep.write(sweep.source(AXES, "smoke", 2), tmp_path)
    assert [variant.name for variant in study.variants] == [
        "alpha=0.01 widths=[16,32]",
        "alpha=0.01 widths=[32,64]",
        "alpha=0.1 widths=[16,32]",
        "alpha=0.1 widths=[32,64]",
    ]
    config = study.config(study.variants[3], 1)
    assert (config.objective.alpha, config.model.unet.widths, config.seed) == (0.1, (32, 64), 1)
    assert (study.preset, study.seeds) == ("smoke", (0, 1))
    assert load_study(str(path)) == study
    assert sweep.write(sweep.source(AXES, "smoke", 2), tmp_path)[0] == path


def test_other_values_are_another_study(tmp_path):
    first = sweep.write(sweep.source(["objective.alpha=0.01,0.1"], "smoke", 1), tmp_path)[1]
    other = sweep.write(sweep.source(["objective.alpha=0.01,1"], "smoke", 1), tmp_path)[1]
    assert first.name != other.name


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (["objective.alhpa=1"], r"nearest known one is 'objective\.alpha'"),
        (["objective.alpha=soon"], "objective.alpha"),
        (["objective.alpha"], "is no axis"),
        (["objective.alpha="], "is no axis"),
        (["objective.alpha=1,1"], "a value twice"),
        (["objective.alpha=1", "objective.alpha=2"], "each of another option"),
        (['x=1"); import os  #'], "unknown key 'x'|is no axis"),
    ],
)
def test_mistake_is_named_and_leaves_no_file(tmp_path, axes, message):
    with pytest.raises(UserError, match=message):
        sweep.write(sweep.source(axes, "smoke", 1), tmp_path)
    assert not list(tmp_path.glob("*.py"))


def test_study_file_of_something_else_is_not_overwritten(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("precious")
    with pytest.raises(UserError, match="another study"):
        sweep.write(sweep.source(["objective.alpha=1"], "smoke", 1), tmp_path, path)
    assert path.read_text() == "precious"
