"""DINOv2 and CLIP from a local folder: small networks with drawn weights in the real format."""

import numpy as np
import pytest
import torch
import transformers
from helpers.sample_folder import write_folder
from helpers.stand_in_weights import write_clip, write_dinov2

from benchmarks.metrics.crops import axis_aligned
from benchmarks.metrics.detectors.transformers import transformer
from benchmarks.metrics.frechet import frechet_distance
from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import default_metrics, score_samples
from benchmarks.samples.folder import SampleFolder
from dreamtext.errors import UserError

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    return write_dinov2(tmp_path_factory.mktemp("dinov2"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip"))


def noisy(image, sample):
    rng = np.random.default_rng(int(sample.id[-1]))
    return np.clip(image + rng.normal(0, 60, image.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("painted") / "samples", 6, paint=noisy)


def scores(folder, options):
    names = [n for n in default_metrics(options) if "CLIP" in n or "DINOv2" in n]
    return {row.metric: row for row in score_samples(folder, names, options)}


def test_given_folders_add_their_metrics(folder, dinov2, clip, tmp_path):
    found = scores(folder, Options(dinov2=dinov2, clip=clip, cache=tmp_path))
    assert set(found) == {
        *("FD-DINOv2/raw", "FD-DINOv2/composited", "FD-DINOv2/truth"),
        *("DINOv2-similarity/raw", "DINOv2-similarity/composited"),
        *("CLIP-similarity/raw", "CLIP-similarity/composited"),
    }
    assert all(row.value is not None for row in found.values())
    for name in ("DINOv2", "CLIP"):
        row = found[f"{name}-similarity/raw"]
        assert row.value < 1
        assert row.backbone.startswith(name)
        samples, place = SampleFolder(folder), {"DINOv2": dinov2, "CLIP": clip}[name]
        painted, real = (
            transformer(place, name).features(map(axis_aligned, samples.images(s), samples.records))
            for s in ("raw", "truth")
        )
        cosine = torch.cosine_similarity(*map(torch.from_numpy, (painted, real)))
        assert list(row.per_image.values()) == pytest.approx(cosine.tolist(), abs=1e-5)
    # The whole picture by DINOv2's own class token, as transformers gives it.
    samples, network = SampleFolder(folder), transformer(dinov2, "DINOv2")
    features = [network.features(samples.images(source)) for source in ("raw", "truth")]
    expected = frechet_distance(*features).value
    assert found["FD-DINOv2/raw"].value == pytest.approx(expected, rel=1e-4)


def test_features_are_the_networks_own(folder, dinov2, clip):
    picture = np.full((224, 224, 3), 127, np.uint8)
    picture[:112] = (200, 30, 90)
    processors = {
        "DINOv2": transformers.BitImageProcessor(
            do_resize=False,
            do_center_crop=False,
            image_mean=[0.485, 0.456, 0.406],
            image_std=[0.229, 0.224, 0.225],
        ),
        "CLIP": transformers.CLIPImageProcessor(do_resize=False, do_center_crop=False),
    }
    for name, place in (("DINOv2", dinov2), ("CLIP", clip)):
        pixels = processors[name](picture, return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            if name == "DINOv2":
                model = transformers.Dinov2Model.from_pretrained(place)
                expected = model(pixels).last_hidden_state[:, 0]
            else:
                model = transformers.CLIPModel.from_pretrained(place)
                expected = model.visual_projection(model.vision_model(pixels).pooler_output)
        found = transformer(place, name).features([picture])
        assert found == pytest.approx(expected.numpy(), abs=1e-4)


def test_real_pictures_are_alike_and_at_no_distance(tmp_path, dinov2, clip):
    real = write_folder(tmp_path / "samples", 6)
    found = scores(real, Options(dinov2=dinov2, clip=clip, cache=tmp_path))
    assert found["FD-DINOv2/raw"].value == pytest.approx(0, abs=1e-6)
    assert found["CLIP-similarity/raw"].value == pytest.approx(1)
    assert found["DINOv2-similarity/raw"].value == pytest.approx(1)


def test_a_folder_of_another_network_is_refused(folder, clip, dinov2, tmp_path):
    with pytest.raises(UserError, match="no DINOv2"):
        scores(folder, Options(dinov2=clip, cache=tmp_path))
    with pytest.raises(UserError, match=r"config\.json"):
        scores(folder, Options(clip=tmp_path, cache=tmp_path))
