"""Scores of masks and attention agree with scikit-learn and scikit-image, and say what they say."""

import numpy as np
import pytest
import torch
from helpers.sample_folder import write_attention, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.metrics import mask_scores
from benchmarks.metrics.options import Options
from benchmarks.metrics.overlap import truth_at
from benchmarks.metrics.registry import score_samples
from benchmarks.samples.folder import SampleFolder
from dreamtext.configs.sections import MaskConfig

torch.set_num_threads(1)
COUNT, SIZE = 8, (8, 16)


def drawn(seed, density=0.3, shape=(3, 6, 9)):
    rng = np.random.default_rng(seed)
    truth = rng.random(shape) < density
    truth[:, 0, 0] = True
    return rng, truth


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 5, 1000]))
def test_average_precision_agrees_with_scikit_learn_also_with_ties(seed, levels):
    from sklearn.metrics import average_precision_score

    rng, truth = drawn(seed)
    maps = rng.integers(0, levels, truth.shape) / levels
    found = mask_scores.average_precision(torch.from_numpy(maps), torch.from_numpy(truth))
    for ours, real, values in zip(found, truth, maps, strict=True):
        expected = average_precision_score(real.ravel(), values.ravel())
        assert ours.item() == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_precision_and_recall_agree_with_scikit_learn(seed):
    from sklearn.metrics import precision_score, recall_score

    rng, truth = drawn(seed)
    masks = rng.random(truth.shape) < 0.4
    pair = (torch.from_numpy(masks), torch.from_numpy(truth))
    for name, theirs in (("precision", precision_score), ("recall", recall_score)):
        expected = [theirs(t.ravel(), m.ravel()) for t, m in zip(truth, masks, strict=True)]
        assert getattr(mask_scores, name)(*pair).tolist() == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_borders_agree_with_scikit_image(seed):
    from skimage.segmentation import find_boundaries

    _, truth = drawn(seed, density=0.6)
    expected = [find_boundaries(t, mode="inner", connectivity=1) & t for t in truth]
    assert (mask_scores.border(torch.from_numpy(truth)).numpy() == np.stack(expected)).all()


def test_boundary_f_forgives_one_cell_and_no_more():
    truth = torch.zeros(1, 12, 20, dtype=torch.bool)
    truth[0, 4:8, 4:10] = True
    shifted = [mask_scores.boundary_f(truth.roll(k, -1), truth).item() for k in range(4)]
    assert shifted[:2] == [1, 1]
    assert 1 > shifted[2] > shifted[3] > 0
    assert mask_scores.border(truth).sum() == 16  # of 4 x 6 cells, 2 x 4 are inner ones


def test_an_empty_mask_found_nothing_and_without_truth_there_is_no_score():
    truth = torch.zeros(2, 4, 4, dtype=torch.bool)
    truth[0, 1, 1] = True
    nothing = torch.zeros_like(truth)
    for score in (mask_scores.precision, mask_scores.recall, mask_scores.boundary_f):
        found = score(nothing, truth)
        assert found[0] == 0
        assert found[1].isnan()
    maps = torch.zeros(2, 4, 4)
    assert mask_scores.mass_inside(maps, truth)[0] == 0
    assert mask_scores.average_precision(maps, truth)[0] == pytest.approx(1 / 16)
    assert mask_scores.mass_inside(maps, truth)[1].isnan()


def test_mass_is_a_share_by_hand():
    maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    truth = torch.tensor([[[True, False], [False, True]]])
    assert mask_scores.mass_inside(maps, truth).item() == pytest.approx(0.5)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "samples", COUNT)


def scores(folder, **masks):
    names = ("attention-AP", "attention-mass", "mask-precision", "mask-recall", "mask-boundary-F")
    rows = score_samples(folder, names, Options(masks=MaskConfig(**masks)))
    return {row.metric: row for row in rows}


def truth_of(folder):
    return truth_at(SampleFolder(folder), SIZE)[0].numpy().astype(float)


def test_ground_truth_as_attention_is_perfect_whatever_the_blur(folder):
    write_attention(folder, {"only": truth_of(folder)})
    found = scores(folder)
    assert found["attention-AP"].value == found["attention-mass"].value == 1
    found = scores(folder, blur_kernel=1, threshold_std=0.5)
    assert {row.value for row in found.values()} == {1}


def test_uniform_attention_has_the_truths_own_share(folder):
    write_attention(folder, {"only": np.full((COUNT, 12, *SIZE), 0.25)})
    found, truth = scores(folder), truth_of(folder)
    share = np.nanmean(
        [t[t.any((1, 2))].mean((1, 2)).mean() for t in truth]  # by word, then over words
    )
    assert found["attention-AP"].value == pytest.approx(share)
    assert found["attention-mass"].value == pytest.approx(share)
    assert found["mask-recall"].value == 0


def test_layers_and_noise_levels_stand_apart(folder):
    truth = truth_of(folder)
    noise = 3 * np.random.default_rng(0).random(truth.shape)
    write_attention(folder, {"good": truth, "bad": noise})
    without = [scores(folder)[name].value for name in ("attention-AP", "attention-mass")]
    write_attention(folder, {"good": truth, "bad": noise, "small": noise[..., ::4, ::4]})
    assert [scores(folder)[name].value for name in ("attention-AP", "attention-mass")] == without
    for score in (scores(folder)["attention-AP"], scores(folder)["attention-mass"]):
        table = score.details["by layer and timestep"]
        assert set(table) == {"good", "bad", "small", "all"}
        assert set(table["all"]) == {"0.3", "0.6"}
        assert table["good"]["0.3"] == 1 > table["all"]["0.3"] > table["bad"]["0.3"]
        assert score.value == pytest.approx(np.mean(list(table["all"].values())), abs=1e-4)
