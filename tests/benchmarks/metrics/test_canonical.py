"""FID, KID, LPIPS and the Frechet identity agree with clean-fid, lpips and torchmetrics.

The real weights are not here: stand-in files in the same format go through the same code.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.sample_folder import write_folder
from helpers.stand_in_weights import write_alexnet, write_inception, write_pytorch_inception
from torch import nn

from benchmarks.metrics import options
from benchmarks.metrics.frechet import frechet_distance, frechet_interval, kernel_distance
from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import score_samples
from dreamtext.errors import UserError
from dreamtext.files import file_hash

torch.set_num_threads(1)
pytestmark = [  # of clean-fid, lpips and torch about themselves
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
COUNT = 10


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    return write_inception(tmp_path_factory.mktemp("inception"))


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return write_alexnet(folder)


def noisy(strength):
    rng = np.random.default_rng(0)
    return lambda image, _: np.clip(image + rng.normal(0, strength, image.shape), 0, 255).astype(
        np.uint8
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("noisy") / "samples", COUNT, paint=noisy(40))


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("clean") / "samples", COUNT)


def scores(folder, options, *names):
    return {score.metric: score for score in score_samples(folder, names, options)}


@pytest.mark.parametrize(
    ("n", "m", "d"), [(20, 30, 100), (200, 150, 40), (60, 60, 60), (100, 20, 50)]
)
def test_frechet_identity_agrees_with_clean_fid(n, m, d):
    from cleanfid.fid import fid_from_feats

    rng = np.random.default_rng(n)
    a = rng.normal(size=(n, d)) * np.linspace(0.1, 2, d)
    b = rng.normal(0.3, 1, size=(m, d))
    assert frechet_distance(a, b).value == pytest.approx(fid_from_feats(a, b), rel=1e-6)


def test_frechet_agrees_with_torchmetrics():
    from torchmetrics.image.fid import _compute_fid

    rng = np.random.default_rng(0)
    a, b = torch.from_numpy(rng.normal(size=(2, 200, 30)))
    b = b * 1.5 + 0.2
    theirs = _compute_fid(a.mean(0), a.T.cov(), b.mean(0), b.T.cov())
    assert frechet_distance(a.numpy(), b.numpy()).value == pytest.approx(theirs.item(), rel=1e-6)


def test_frechet_of_a_set_with_itself_is_zero():
    a = np.random.default_rng(0).normal(size=(40, 100))
    assert frechet_distance(a, a).value == pytest.approx(0, abs=1e-9)


def test_influence_is_the_derivative_in_a_samples_weight():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(30, 80))
    b = a + 0.5 * rng.normal(size=a.shape) + 0.1

    def weighted(weights):
        moments = []
        for x in (a, b):
            mean = weights @ x
            moments.append((mean, (x - mean) * np.sqrt(weights * 30 / 29)[:, None]))
        (mean_a, x), (mean_b, y) = moments
        nuclear = np.linalg.svd(x @ y.T, compute_uv=False).sum()
        return ((mean_a - mean_b) ** 2).sum() + (x**2).sum() + (y**2).sum() - 2 * nuclear

    found = frechet_distance(a, b)
    influence = found.influence_a + found.influence_b
    even = np.full(30, 1 / 30)
    for i in (0, 7, 29):
        step = 1e-5 * (np.arange(30) == i) - 1e-5 * even
        slope = (weighted(even + step) - weighted(even - step)) / 2e-5
        assert slope == pytest.approx(influence[i], rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("measure", [frechet_interval, kernel_distance])
def test_intervals_of_set_distances_cover_their_mean(measure):
    rng = np.random.default_rng(0)

    def draw():
        a = rng.normal(size=(80, 24))
        return measure(0.8 * a + 0.4 * rng.normal(size=a.shape) + 0.2, a)

    expected = np.mean([draw().value for _ in range(300)])
    found = [draw() for _ in range(300)]
    covered = np.mean([f.low <= expected <= f.high for f in found])
    assert 0.88 < covered < 0.99


def test_kid_agrees_with_clean_fid():
    from cleanfid.fid import kernel_distance as theirs

    a, b = np.random.default_rng(0).normal(size=(2, 200, 16))
    assert kernel_distance(a, b + 0.3).value == pytest.approx(theirs(a, b + 0.3), abs=1e-6)


def test_kid_without_each_pair_is_what_recomputing_gives():
    from benchmarks.metrics.frechet import _without_each_pair

    a, b = np.random.default_rng(0).normal(size=(2, 12, 5))
    for i, value in enumerate(_without_each_pair(a, b)):
        keep = np.arange(12) != i
        assert value == pytest.approx(kernel_distance(a[keep], b[keep]).value)


def test_fid_and_kid_are_clean_fids_own(folder, inception, tmp_path):
    from cleanfid import fid
    from cleanfid.inception_torchscript import InceptionV3W

    found = scores(folder, Options(inception=inception, cache=tmp_path), "FID/raw", "KID/raw")
    network = InceptionV3W(str(inception.parent), download=False)
    quiet = {"num_workers": 0, "device": torch.device("cpu"), "verbose": False}
    a, b = (
        fid.get_folder_features(str(folder / source), network, **quiet)
        for source in ("raw", "truth")
    )
    assert found["FID/raw"].value == pytest.approx(frechet_distance(a, b).value, rel=1e-6)
    assert found["KID/raw"].value == pytest.approx(fid.kernel_distance(a, b), rel=1e-5)
    assert file_hash(inception)[:8] in found["FID/raw"].backbone
    assert "below 2048" in found["FID/raw"].warnings[0]


@pytest.mark.slow
def test_fid_pytorch_is_clean_fids_legacy_mode(folder, tmp_path, monkeypatch):
    from cleanfid import fid, inception_pytorch

    file = write_pytorch_inception(tmp_path)
    drawn = torch.load(file, weights_only=True)
    right = replace(options.INCEPTION_PYTORCH, sha256=file_hash(file)[:8])
    monkeypatch.setattr(options, "INCEPTION_PYTORCH", right)
    given = Options(inception_pytorch=file, cache=tmp_path)
    found = scores(folder, given, "FID-pytorch/raw", "KID-pytorch/raw", "FID/raw")
    monkeypatch.setattr(inception_pytorch, "load_state_dict_from_url", lambda *_, **__: drawn)
    quiet = {"num_workers": 0, "device": torch.device("cpu"), "verbose": False}
    network = fid.build_feature_extractor("legacy_pytorch", torch.device("cpu"), False)
    a, b = (
        fid.get_folder_features(str(folder / source), network, mode="legacy_pytorch", **quiet)
        for source in ("raw", "truth")
    )
    assert found["FID-pytorch/raw"].value == pytest.approx(frechet_distance(a, b).value, rel=1e-4)
    assert "pytorch-fid" in found["FID-pytorch/raw"].backbone
    assert found["FID/raw"].value is None  # one file is not the other


def test_kid_of_few_samples_covers_its_expectation():
    """At the size of a table's cell: n = 288 of 1,280 features, skewed and of low rank as those of
    a network are. Of 100 intervals about 95 hold the mean of many draws."""
    rng = np.random.default_rng(0)
    n, d, rank = 288, 1280, 40
    mix = rng.normal(size=(rank, d)) * np.geomspace(1, 0.05, rank)[:, None] / 4

    def draw():
        real = np.maximum(rng.gamma(2, size=(n, rank)) @ mix, 0)
        noise = 0.3 * np.maximum(rng.normal(size=(n, rank)) @ mix, 0)
        return kernel_distance(0.9 * real + noise, real)

    found = [draw() for _ in range(100)]
    expected = np.mean([f.value for f in found])
    covered = np.mean([f.low <= expected <= f.high for f in found])
    assert 0.88 < covered <= 1
    spread = np.std([f.value for f in found])
    assert np.mean([(f.high - f.low) / 3.92 for f in found]) == pytest.approx(spread, rel=0.25)


def test_halves_of_one_set_measure_nothing_by_kid_and_the_bias_by_frechet():
    from benchmarks.metrics.frechet import over_halves

    a = np.random.default_rng(0).normal(size=(288, 200))
    unbiased, biased = (over_halves(a, kernel=kernel) for kernel in (True, False))
    assert unbiased.low < 0 < unbiased.high
    assert biased.low > 0
    assert unbiased.n == biased.n == 144


def test_fid_of_real_images_is_zero(clean, inception, tmp_path):
    options = Options(inception=inception, cache=tmp_path)
    assert scores(clean, options, "FID/raw")["FID/raw"].value == pytest.approx(0, abs=1e-6)


def test_features_of_real_images_are_kept_by_content(folder, inception, tmp_path):
    options = Options(inception=inception, cache=tmp_path)
    first = scores(folder, options, "FID/raw")["FID/raw"].value
    (kept,) = (tmp_path / "features").iterdir()
    np.save(kept, np.load(kept) + 1)
    assert scores(folder, options, "FID/raw")["FID/raw"].value > first + 100


def test_lpips_agrees_with_lpips_and_torchmetrics(folder, clean, alexnet, monkeypatch):
    import lpips
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

    from benchmarks.samples.folder import SampleFolder

    right = replace(options.ALEXNET, sha256=file_hash(alexnet)[:8])
    monkeypatch.setattr(options, "ALEXNET", right)
    monkeypatch.setenv("TORCH_HOME", str(alexnet.parents[2]))
    found = scores(folder, Options(alexnet=alexnet), "LPIPS/raw")["LPIPS/raw"]
    theirs = lpips.LPIPS(net="alex", verbose=False)
    painted, real = (
        torch.from_numpy(np.stack(list(SampleFolder(folder).images(s)))).permute(0, 3, 1, 2) / 127.5
        - 1
        for s in ("raw", "truth")
    )
    expected = theirs(painted, real).flatten().tolist()
    assert list(found.per_image.values()) == pytest.approx(expected, rel=1e-4)
    metric = learned_perceptual_image_patch_similarity(painted, real, net_type="alex")
    assert found.value == pytest.approx(metric.item(), rel=1e-4)
    same = scores(clean, Options(alexnet=alexnet), "LPIPS/raw")["LPIPS/raw"]
    assert same.value == 0


def test_another_trunk_is_refused_by_its_hash(clean, alexnet):
    with pytest.raises(UserError, match=f"{file_hash(alexnet)[:8]}, not 7be5be79"):
        scores(clean, Options(alexnet=alexnet), "LPIPS/raw")


def test_without_weights_there_is_null_and_the_stand_in_is_named(clean):
    found = scores(clean, Options(), "FID/raw", "KID/raw", "LPIPS/raw")
    assert [score.value for score in found.values()] == [None] * 3
    assert "FD-EffNetLite0" in found["FID/raw"].reason
    assert "effdist" in found["LPIPS/raw"].reason


@pytest.mark.parametrize("layers", [nn.Identity(), nn.Flatten()])
def test_another_network_under_inceptions_name_is_refused(clean, tmp_path, layers):
    network = nn.Sequential()
    network.layers = layers
    file = tmp_path / options.INCEPTION.path
    torch.jit.script(network).save(str(file))
    with pytest.raises(UserError, match="not the TorchScript of Inception-v3"):
        scores(clean, Options(inception=file), "SeqAcc/raw", "FID/raw")
