"""The background's PSNR, SSIM and MSE agree with scikit-image, and look outside the region only."""

import json

import numpy as np
import pytest
import torch
from helpers.sample_folder import write_folder
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from benchmarks.metrics import background
from benchmarks.metrics.registry import score_samples
from benchmarks.samples.folder import SampleFolder
from dreamtext.configs.sections import DataConfig

torch.set_num_threads(1)
COUNT = 4
LARGE = DataConfig(height=64, width=128)


def noisy(image, sample, *, inside=40.0, outside=12.0, seed=0):
    rng = np.random.default_rng(seed)
    strength = np.where(sample.region, inside, outside)[..., None]
    return np.clip(image + strength * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)


def scores(folder):
    names = [m.name for m in background.METRICS]
    return {row.metric: row for row in score_samples(folder, names)}


def pictures(folder):
    samples = SampleFolder(folder)
    for i, record in enumerate(samples.records):
        yield record, samples.image("raw", i), samples.image("truth", i)


def test_they_agree_with_scikit_image(tmp_path):
    folder = write_folder(tmp_path / "samples", COUNT, paint=noisy, config=LARGE)
    found = scores(folder)
    for i, (record, painted, real) in enumerate(pictures(folder)):
        outer = background.outside(record, real.shape, "background")
        a, b = painted[outer], real[outer]
        per_image = {name: list(row.per_image.values())[i] for name, row in found.items()}
        mse = mean_squared_error(b / 255, a / 255)
        assert per_image["MSE-background/raw"] == pytest.approx(mse, rel=1e-4)
        psnr = peak_signal_noise_ratio(b, a, data_range=255)
        assert per_image["PSNR-background/raw"] == pytest.approx(psnr, rel=1e-4)
        equal = np.where(outer[..., None], painted, real)
        _, similar = structural_similarity(
            equal,
            real,
            channel_axis=2,
            data_range=255,
            gaussian_weights=True,
            use_sample_covariance=False,
            full=True,
        )
        # At the frame the two libraries mirror the picture otherwise, by one pixel.
        ssim = similar.mean(2)[outer].mean()
        assert per_image["SSIM-background/raw"] == pytest.approx(ssim, abs=0.01)
        inner = np.zeros_like(outer)
        inner[5:-5, 5:-5] = True
        _, ours = structural_similarity_map(equal, real)
        assert np.abs(ours - similar.mean(2))[inner].max() < 1e-5


def structural_similarity_map(a, b):
    from torchmetrics.functional.image import structural_similarity_index_measure

    batch = [torch.from_numpy(x).permute(2, 0, 1)[None].double() / 255 for x in (a, b)]
    value, similar = structural_similarity_index_measure(
        *batch, data_range=1.0, return_full_image=True
    )
    return value, similar[0].mean(0).numpy()


def test_what_is_painted_inside_the_region_changes_nothing(tmp_path):
    calm, wild = (
        write_folder(
            tmp_path / str(strength),
            COUNT,
            paint=lambda image, s, k=strength: noisy(image, s, inside=k),
        )
        for strength in (0.0, 90.0)
    )
    one, other = scores(calm), scores(wild)
    for name, row in one.items():
        assert row.per_image == pytest.approx(other[name].per_image), name


def test_the_band_sees_a_seam_and_not_what_lies_far_from_it(tmp_path):
    def far(image, sample):
        painted = image.copy()
        rows, columns = np.nonzero(sample.region)
        near = np.zeros(sample.region.shape, bool)
        near[max(0, rows.min() - 2) : rows.max() + 3, max(0, columns.min() - 2) :] = True
        painted[~near] = 255 - painted[~near]
        return painted

    def seam(image, sample):
        grown = np.zeros(sample.region.shape, bool)
        rows, columns = np.nonzero(sample.region)
        grown[max(0, rows.min() - 1) : rows.max() + 2, columns.min() : columns.max() + 1] = True
        return np.where((grown & ~sample.region)[..., None], 255 - image, image)

    found = {
        f.__name__: scores(write_folder(tmp_path / f.__name__, 8, paint=f)) for f in (far, seam)
    }
    value = {k: {n: r.value for n, r in rows.items()} for k, rows in found.items()}
    assert value["far"]["MSE-band/raw"] == 0
    assert value["far"]["PSNR-band/raw"] == background.HIGHEST_PSNR
    assert value["seam"]["MSE-band/raw"] > value["seam"]["MSE-background/raw"] > 0


def test_a_region_that_fills_the_picture_has_no_background(tmp_path):
    folder = write_folder(tmp_path / "samples", 2)
    file = folder / "samples.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[0]["box"] = [0, 0, 64, 32]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = scores(folder)["PSNR-background/raw"]
    assert next(iter(found.per_image.values())) is None
    assert found.n == 1
