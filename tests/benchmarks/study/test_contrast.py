"""A study declares what it is made to see, and refuses what it does not have, by name."""

from dataclasses import replace

import pytest

from benchmarks.runs.manifest import Benchmark
from benchmarks.study import Contrast, Study, Variant, load_study, study_names
from dreamtext.errors import UserError

FULL = Contrast(variant="full", against="none")


def study(**settings):
    variants = tuple(Variant(name=name) for name in ("none", "balanced", "full"))
    return Study(name="mine", question="?", variants=variants, reference="none", **settings)


def test_the_primary_contrast_comes_first():
    other = Contrast(variant="balanced", against="none")
    assert study(primary=FULL, secondary=(other,)).contrasts == (FULL, other)
    assert study(secondary=(other,)).contrasts == (other,)
    assert study().contrasts == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variant": "ful"}, "variant 'ful' it does not have; did you mean 'full'?"),
        ({"against": "nobody"}, "variant 'nobody' it does not have It has: none, balanced, full"),
        ({"metric": "SeqAc/raw"}, "metric 'SeqAc/raw' it does not have; did you mean 'SeqAcc/raw'"),
        ({"task": "edit"}, "task 'edit' it does not have"),
        ({"against": "full"}, "contrasts 'full' with itself"),
    ],
)
def test_a_contrast_of_what_is_not_there_is_refused_by_name(change, said):
    with pytest.raises(UserError) as caught:
        study(secondary=(replace(FULL, **change),))
    assert "study 'mine'" in str(caught.value)
    assert said in str(caught.value)


def test_a_contrast_is_declared_once():
    with pytest.raises(UserError, match="declares a contrast twice"):
        study(primary=FULL, secondary=(FULL,))


def test_a_part_of_a_study_keeps_the_contrasts_it_still_has():
    edited = replace(FULL, task="editing")
    whole = study(primary=FULL, secondary=(edited,))
    assert whole.narrowed(seeds=(0,)).contrasts == (FULL, edited)
    assert whole.narrowed(where={"task": "editing"}).primary is None
    assert whole.narrowed(where={"task": "editing"}).contrasts == (edited,)
    assert whole.narrowed(where={"variant": "none|balanced"}).contrasts == ()


@pytest.mark.parametrize("name", [name for name in study_names() if name != "tuning"])
def test_every_study_that_comes_along_declares_a_primary_contrast(name):
    assert load_study(name).primary


@pytest.mark.parametrize("name", [n for n in study_names() if load_study(n).data == "embedded"])
def test_both_sides_of_a_declared_contrast_have_the_same_samples(name, tmp_path):
    """As otherwise no amount of computing could measure it."""
    study = load_study(name)
    manifests = {
        (cell.variant.name, cell.benchmark.name): cell.sample.identity["manifest"]
        for cell in study.narrowed(seeds=(0,)).cells(tmp_path)
    }
    for contrast in study.contrasts:
        one, other = (
            manifests[side, contrast.task] for side in (contrast.variant, contrast.against)
        )
        assert one == other, contrast


def test_two_benchmarks_of_one_name_are_refused():
    with pytest.raises(UserError, match="two benchmarks named editing"):
        study(benchmarks=(Benchmark(task="editing"), Benchmark(task="editing", n=9)))


def test_benchmarks_of_one_task_are_contrasted_and_kept_by_their_names() -> None:
    study = load_study("robustness")
    assert study.primary.task == "reconstruction, rotation 0.5"
    kept = study.narrowed(where={"task": "reconstruction, rotation 0.5"})
    assert [b.corruption for b in kept.benchmarks] == ["rotation"]
    assert kept.primary == study.primary
    assert len(study.narrowed(where={"task": "reconstruction"}).benchmarks) == 11


@pytest.mark.parametrize("name", ["fonts", "label_noise", "robustness"])
def test_studies_of_the_world_plan_distinct_cells(name: str, tmp_path) -> None:
    study = load_study(name)
    cells = study.narrowed(n=8, seeds=[0]).cells(tmp_path)
    assert len({cell.score.name for cell in cells}) == len(cells)
    assert len(cells) == len(study.variants) * len(study.benchmarks)
