"""Against the true rendering: glyphs, font and colours, each moved alone and seen alone."""

import json

import numpy as np
import pytest
import torch
from helpers.sample_folder import write_folder

from benchmarks.metrics import rendering
from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import score_samples

torch.set_num_threads(1)
COUNT = 8
NAMES = [m.name for m in rendering.METRICS]


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return Options(cache=tmp_path_factory.mktemp("cache"))


def scored(folder, options, *names):
    return {row.metric.split("/")[0]: row for row in score_samples(folder, names or NAMES, options)}


def values(path, options, paint):
    rows = scored(write_folder(path, COUNT, paint=paint), options)
    return {name: row.value for name, row in rows.items()}


def test_another_text_colour_moves_the_text_colour_alone(tmp_path, options):
    def paint(image, sample):
        text = (sample.characters > 0)[..., None]
        return np.where(text, 0.6 * image + (0, 60, 0), image).astype(np.uint8)

    found = values(tmp_path / "samples", options, paint)
    assert found["text-colour-error"] > 10
    assert found["ground-colour-error"] == pytest.approx(0, abs=1e-6)
    assert found["glyph-similarity"] > 0.85


def test_another_ground_moves_the_ground_alone(tmp_path, options):
    def paint(image, sample):
        from scipy.ndimage import binary_dilation

        ground = ~binary_dilation(sample.characters > 0, np.ones((3, 3)))[..., None]
        return np.where(ground, 0.8 * image + (0, 0, 30), image).astype(np.uint8)

    found = values(tmp_path / "samples", options, paint)
    assert found["ground-colour-error"] > 5
    assert found["text-colour-error"] == pytest.approx(0, abs=1e-6)
    assert found["glyph-similarity"] > 0.85


def test_a_shift_moves_glyphs_and_not_the_font(tmp_path, options):
    found = values(tmp_path / "samples", options, lambda image, _: np.roll(image, 1, axis=1))
    assert found["font-similarity"] > found["glyph-similarity"] + 0.1
    assert found["font-similarity"] > 0.95


def test_bolder_letters_are_another_font(tmp_path, options):
    from scipy.ndimage import grey_dilation, grey_erosion

    def paint(image, sample):
        text = image[sample.characters > 0].mean()
        grow = grey_dilation if text > image[sample.characters == 0].mean() else grey_erosion
        return grow(image, (2, 2, 1))

    found = values(tmp_path / "samples", options, paint)
    assert 0.2 < found["font-similarity"] < 0.95


def test_colour_and_font_are_of_words_read_right_only(tmp_path, options):
    """Of words painted over with the ground's colour nothing is said but that they are gone."""

    def paint(image, sample):
        if int(sample.id[-1]) % 2:
            return image
        return np.broadcast_to(image[sample.characters == 0].mean(0), image.shape).astype(np.uint8)

    rows = scored(write_folder(tmp_path / "samples", COUNT, paint=paint), options)
    assert rows["glyph-similarity"].n == COUNT
    assert rows["glyph-similarity"].value == pytest.approx(0.5, abs=0.05)
    assert rows["font-similarity"].n <= COUNT // 2
    assert rows["font-similarity"].value == pytest.approx(1)


def test_only_the_embedded_world_knows_renderings(tmp_path, options):
    folder = write_folder(tmp_path / "samples", 2)
    (folder / "manifest.json").write_text(json.dumps({"dataset": "icdar13"}))
    found = scored(folder, options)
    assert {row.value for row in found.values()} == {None}
    assert "embedded world" in found["font-similarity"].reason
