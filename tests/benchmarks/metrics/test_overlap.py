"""mIoU of latent character masks: identities, its ceiling, agreement with torchmetrics."""

import numpy as np
import pytest
import torch
from helpers.sample_folder import write_attention, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.metrics.options import Options
from benchmarks.metrics.overlap import backbone, tolerant_iou, truth_at
from benchmarks.metrics.registry import score_samples
from benchmarks.samples.folder import SampleFolder
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


def test_settings_are_told_in_short():
    assert backbone(MaskConfig(height=8, width=16)) == "8x16, blur 3/1, mean+2std"
    plain = MaskConfig(height=4, width=8, blur_kernel=1, threshold_std=1.5)
    assert backbone(plain) == "4x8, no blur, mean+1.5std"
