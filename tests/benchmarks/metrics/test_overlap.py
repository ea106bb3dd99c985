"""mIoU of latent character masks: identities, its ceiling, agreement with torchmetrics."""

import json

import numpy as np
import pytest
import torch
from helpers.sample_folder import write_attention, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.metrics import overlap
from benchmarks.metrics.options import Options
from benchmarks.metrics.overlap import backbone, tolerant_iou, truth_at
from benchmarks.metrics.registry import score_samples
from benchmarks.samples.folder import SampleFolder
from dreamtext import charset
from dreamtext.configs.sections import MaskConfig
from dreamtext.objective.masks import intersection_over_union

torch.set_num_threads(1)
COUNT = 16
SIZE = (8, 16)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "samples", COUNT)


def scores(folder, *names, **masks):
    rows = score_samples(folder, names, Options(masks=MaskConfig(**masks)))
    return {row.metric: row for row in rows}


def truth(folder):
    return truth_at(SampleFolder(folder), SIZE)[0].numpy()


def test_ground_truth_as_attention_scores_its_ceiling(folder):
    write_attention(folder, {"only": truth(folder).astype(float)})
    found = scores(folder, "mIoU", "mIoU-ceiling", "mIoU-relative")
    assert 0.4 < found["mIoU-ceiling"].value < 0.95
    assert found["mIoU"].value == pytest.approx(found["mIoU-ceiling"].value)
    assert found["mIoU-relative"].value == pytest.approx(1)
    assert found["mIoU"].n == COUNT
    assert found["mIoU"].details["masks"]["threshold_std"] == 2


def test_ground_truth_without_blur_at_a_low_threshold_scores_one(folder):
    write_attention(folder, {"only": truth(folder).astype(float)})
    names = ("mIoU", "mIoU-pooled", "mIoU-tolerant", "mIoU@0.3")
    found = scores(folder, *names, blur_kernel=1, threshold_std=0.5)
    assert [found[name].value for name in names] == [1, 1, 1, 1]


def test_overlap_falls_with_noise(folder):
    rng = np.random.default_rng(0)
    perfect = truth(folder).astype(float)
    values = []
    for strength in (0.0, 0.3, 1.0, 5.0):
        write_attention(folder, {"only": perfect + strength * rng.random(perfect.shape)})
        values.append(scores(folder, "mIoU")["mIoU"].value)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5 * values[0]


def test_uniform_attention_scores_zero_not_null(folder):
    write_attention(folder, {"only": np.full((COUNT, 12, *SIZE), 0.25)})
    assert scores(folder, "mIoU")["mIoU"].value == 0


def test_small_layers_are_left_out(folder):
    perfect = truth(folder).astype(float)
    noise = np.random.default_rng(0).random((COUNT, 12, 2, 4))
    write_attention(folder, {"good": perfect})
    alone = scores(folder, "mIoU")["mIoU"].value
    write_attention(folder, {"good": perfect, "small": noise})
    assert scores(folder, "mIoU")["mIoU"].value == pytest.approx(alone)
    assert scores(folder, "mIoU", min_size=1)["mIoU"].value < alone


def test_samples_without_ground_truth_are_left_out(folder):
    write_attention(folder, {"only": truth(folder).astype(float)})
    file = folder / "truth.npz"
    maps = np.load(file)["characters"]
    known = np.arange(COUNT) % 2 == 0
    np.savez(file, characters=maps, has_characters=known)
    score = scores(folder, "mIoU")["mIoU"]
    assert score.n == COUNT // 2
    assert [v is not None for v in score.per_image.values()] == known.tolist()
    np.savez(file, characters=maps, has_characters=np.zeros(COUNT, bool))
    assert f"none of the {COUNT}" in scores(folder, "mIoU")["mIoU"].reason


def test_what_is_missing_or_of_another_size_gives_null_and_a_reason(folder):
    assert "attention.npz" in scores(folder, "mIoU")["mIoU"].reason
    write_attention(folder, {"only": truth(folder)[:-1].astype(float)})
    reason = scores(folder, "mIoU")["mIoU"].reason
    assert f"{COUNT - 1} samples" in reason
    assert f"lists {COUNT}" in reason
    write_attention(folder, {"only": truth(folder).astype(float)})
    assert "0.5" in scores(folder, "mIoU@0.5")["mIoU@0.5"].reason
    meta = folder / "attention.json"
    meta.write_text(meta.read_text().replace("[8, 16]", "[16, 32]"))
    reason = scores(folder, "mIoU")["mIoU"].reason
    assert "8 x 16" in reason
    assert "16 x 32" in reason


def test_iou_agrees_with_torchmetrics():
    from torchmetrics.segmentation import MeanIoU

    generator = torch.Generator().manual_seed(0)
    predicted = torch.rand(3, 4, 9, 11, generator=generator) > 0.6
    real = torch.rand(3, 4, 9, 11, generator=generator) > 0.5
    for p, r, ours in zip(predicted, real, intersection_over_union(predicted, real), strict=True):
        theirs = MeanIoU(num_classes=1, input_format="one-hot")
        theirs.update(p[:, None].int(), r[:, None].int())
        assert ours.mean().item() == pytest.approx(theirs.compute().item(), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.5))
def test_tolerance_never_lowers_a_score_and_forgives_one_cell(seed, density):
    rng = np.random.default_rng(seed)
    real = torch.from_numpy(rng.random((1, 3, 8, 16)) < density)
    real[..., 0] = real[..., -1] = False
    predicted = torch.from_numpy(rng.random((1, 3, 8, 16)) < density)
    exact, tolerant = intersection_over_union(predicted, real), tolerant_iou(predicted, real)
    assert torch.equal(exact.isnan(), tolerant.isnan())
    assert (tolerant >= exact - 1e-6)[~exact.isnan()].all()
    shifted = tolerant_iou(real.roll(1, -1), real)
    assert (shifted[~shifted.isnan()] == 1).all()


@pytest.fixture
def half_right(folder):
    """At the first timestep each word's first letter has no mask and all others have the true one,
    at the second all have it; with the words' lengths, and the truth's cells by letter."""
    real, tokens = truth_at(SampleFolder(folder), SIZE)
    early = real.clone()
    early[:, 0] = False
    write_attention(
        folder, {"only": early.numpy().astype(float)}, {"only": real.numpy().astype(float)}
    )
    return folder, (tokens > 0).sum(1).numpy(), real.sum((2, 3)).numpy()


PLAIN = {"blur_kernel": 1, "threshold_std": 0.5}  # masks are where the maps are 1


@pytest.mark.parametrize("batch", [128, 3])
def test_a_letter_without_a_mask_at_one_timestep_of_two(half_right, batch, monkeypatch):
    monkeypatch.setattr(overlap, "_BATCH", batch)
    folder, lengths, cells = half_right
    names = ["mIoU", "mask-precision", "mask-recall", "mask-boundary-F", "mIoU-tolerant"]
    asked = [f"{name}{at}" for name in names for at in ("", "@0.3", "@0.6")]
    found = scores(folder, *asked, "mIoU-pooled", "mIoU-relative", "mIoU-ceiling", **PLAIN)
    early = (lengths - 1) / lengths
    for name in names:
        assert list(found[f"{name}@0.3"].per_image.values()) == pytest.approx(early), name
        assert found[f"{name}@0.6"].value == 1
        assert list(found[name].per_image.values()) == pytest.approx((early + 1) / 2)
        assert found[name].value == pytest.approx((early + 1).mean() / 2)
        assert found[name].details["by timestep"] == pytest.approx({"0.3": early.mean(), "0.6": 1})
        assert found[name].details["layers"] == {"only": [8, 16]}
        assert found[name].backbone == "8x16, no blur, mean+0.5std"
    whole, first = cells.sum(), cells[:, 0].sum()
    pooled = found["mIoU-pooled"]
    assert pooled.value == pytest.approx((2 * whole - first) / (2 * whole))
    assert pooled.details["known"] == COUNT
    assert pooled.details["masks"]["blur_kernel"] == 1
    assert found["mIoU-ceiling"].value == 1
    assert found["mIoU-relative"].value == pytest.approx(found["mIoU"].value)
    assert found["mIoU-relative"].details["masks"]["threshold_std"] == 0.5
    told = {pooled.backbone, found["mIoU-relative"].backbone, found["mIoU-ceiling"].backbone}
    assert told == {"8x16, no blur, mean+0.5std"}


def test_a_timestep_that_was_not_saved_is_told_with_those_that_were(half_right):
    reason = scores(half_right[0], "mIoU@0.5")["mIoU@0.5"].reason
    assert reason == "no attention was saved at timestep 0.5, only at [0.3, 0.6]"


def test_only_scores_of_masks_have_timesteps():
    at = overlap.at_timestep("mask-recall@0.25")
    assert (at.name, at.agrees_with) == ("mask-recall@0.25", ("scikit-learn",))
    assert (at.interval, at.version) == ("bootstrap over images", 1)
    assert overlap.at_timestep("mIoU-tolerant@0.25").agrees_with == ()
    assert overlap.at_timestep("mIoU@0.25").agrees_with == ("torchmetrics",)
    assert (at.reads, at.view, at.unit, at.direction) == (
        *("attention", "whole", "fraction", "higher"),
    )
    for name in ("mIoU", "mIoU-ceiling@0.3", "SeqAcc@0.3", "mIoU@x", "mIoU@0.3@0.6"):
        assert overlap.at_timestep(name) is None, name
    intervals = {m.name: m.interval for m in overlap.METRICS}
    of_ratios = {n for n, kind in intervals.items() if kind == "bootstrap of a ratio"}
    assert of_ratios == {"mIoU-relative", "mIoU-pooled"}


def test_truth_has_a_place_for_every_letter_of_the_longest_word(folder):
    assert truth_at(SampleFolder(folder), SIZE)[1].shape == (COUNT, 12)
    file = folder / "samples.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines[:2]:
        line["word"] = line["source_word"] = "Incomprehensible"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    masks, tokens = truth_at(SampleFolder(folder), SIZE)
    assert masks.shape == (COUNT, 16, *SIZE)
    assert charset.decode(tokens[1].tolist()) == "Incomprehensible"
    assert charset.decode(tokens[2].tolist()) == lines[2]["word"]


def test_words_whose_letters_are_all_hidden_have_no_score(half_right):
    folder, _, _ = half_right
    maps = np.load(folder / "truth.npz")["characters"]
    maps[3] = 0
    np.savez(folder / "truth.npz", characters=maps, has_characters=np.ones(COUNT, bool))
    write_attention(folder, {"only": np.zeros((COUNT, 12, *SIZE))})
    found = scores(folder, "mIoU", **PLAIN)["mIoU"]
    assert found.n == COUNT - 1
    assert list(found.per_image.values())[3] is None
    np.savez(folder / "truth.npz", characters=maps * 0, has_characters=np.ones(COUNT, bool))
    reason = scores(folder, "mIoU", **PLAIN)["mIoU"].reason
    assert reason == f"the character masks of all {COUNT} samples are empty"


def test_tolerance_by_hand():
    real, predicted = torch.zeros(2, 1, 5, 3, 5, dtype=torch.bool)
    real[0, 0, 1, 1] = predicted[0, 0, 1, 2] = True  # off by one: forgiven
    real[0, 1, 1, 0] = predicted[0, 1, 1, 3] = True  # off by three
    real[0, 2, 0, 0] = predicted[0, 2, 0, 1] = predicted[0, 2, 2, 4] = True  # one of two is right
    predicted[0, 3, 0, 0] = True  # nothing is there
    # p = 1/2 and r = 1: F = 2/3, and F / (2 - F) = 1/2
    assert tolerant_iou(predicted, real)[0, :4].tolist() == pytest.approx([1, 0, 0.5, 0])
    assert tolerant_iou(predicted, real, 3)[0, :4].tolist() == pytest.approx([1, 1, 0.5, 0])
    assert tolerant_iou(real, predicted)[0, :4].tolist() == pytest.approx([1, 0, 0.5, 0])
    assert tolerant_iou(predicted, real)[0, 4].isnan()


def test_settings_are_told_in_short():
    assert backbone(MaskConfig(height=8, width=16)) == "8x16, blur 3/1, mean+2std"
    plain = MaskConfig(height=4, width=8, blur_kernel=1, threshold_std=1.5)
    assert backbone(plain) == "4x8, no blur, mean+1.5std"
