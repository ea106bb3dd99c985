"""The diffusers pipeline: what a user calls, and what it writes and reads again."""

import numpy as np
import pytest
import torch
from helpers.paths import RELEASED_MODEL as FIXTURE
from PIL import Image

from dreamtext.configs.presets import preset
from dreamtext.errors import UserError
from dreamtext.networks.model import DreamText
from dreamtext.sampling.pipeline import DreamTextPipeline
from dreamtext.weights.checkpoints import import_released, save_model


@pytest.fixture(scope="module")
def pipe():
    torch.manual_seed(0)
    made = DreamTextPipeline.from_model(DreamText(preset("smoke")))
    made.set_progress_bar_config(disable=True)
    return made


def picture(width=64, height=32):
    values = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[8:24, 10:50] = 255
    return Image.fromarray(values), Image.fromarray(mask)


def seeded(seed=3):
    return torch.Generator().manual_seed(seed)


def test_only_the_region_changes_and_the_seed_decides(pipe):
    image, region = picture()
    given = {"num_inference_steps": 2}
    first = pipe(image, region, "CAT", generator=seeded(), **given).images[0]
    again = pipe(image, region, "CAT", generator=seeded(), **given).images[0]
    other = pipe(image, region, "CAT", generator=seeded(4), **given).images[0]
    inside = np.asarray(region) > 0
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(np.asarray(first)[~inside], np.asarray(image)[~inside])
    assert not np.array_equal(np.asarray(first)[inside], np.asarray(image)[inside])


def test_words_guidance_and_steps_change_the_picture(pipe):
    image, region = picture()
    base = {"words": "CAT", "num_inference_steps": 2, "guidance_scale": 2.0}
    changes = ({}, {"words": "DOG"}, {"num_inference_steps": 3}, {"guidance_scale": 1.0})
    made = [
        np.asarray(pipe(image, region, generator=seeded(), **(base | change)).raw[0])
        for change in changes
    ]
    assert all(not np.array_equal(made[0], one) for one in made[1:])


def test_a_batch_has_one_word_each_and_its_attention(pipe):
    (image, region), count = picture(), 2
    output = pipe(
        [image] * count,
        [region] * count,
        ["CAT", "HORSE"],
        num_inference_steps=2,
        generator=[seeded(1), seeded(2)],
        output_type="np",
        output_attention=True,
    )
    assert output.images.shape == (2, 32, 64, 3)
    for maps in output.attention.values():
        assert maps.shape[:3] == (2, 2, 13)  # steps, samples, 12 characters and the null token
        torch.testing.assert_close(maps.sum(dim=2), torch.ones_like(maps[:, :, 0]))
        assert maps[:, 0, 3:12].abs().max() < 1e-4  # padding of CAT


def test_save_and_load_give_the_same_pictures(pipe, tmp_path):
    pipe.save_pretrained(tmp_path / "pipe")
    again = DreamTextPipeline.from_pretrained(tmp_path / "pipe")
    again.set_progress_bar_config(disable=True)
    image, region = picture()
    expected, found = (
        np.asarray(p(image, region, "CAT", num_inference_steps=2, generator=seeded()).raw[0])
        for p in (pipe, again)
    )
    assert np.array_equal(expected, found)
    assert again.net.config == pipe.net.config
    assert type(again.scheduler) is type(pipe.scheduler)


def test_an_imported_model_paints(tmp_path):
    save_model(import_released(FIXTURE, text_heads=4, unet_head_channels=16), tmp_path / "model")
    pipe = DreamTextPipeline.from_model_folder(tmp_path / "model")
    pipe.set_progress_bar_config(disable=True)
    image, region = picture(64, 64)
    region = Image.fromarray(np.pad(np.full((24, 40), 255, np.uint8), ((20, 20), (12, 12))))
    painted = pipe(image, region, "Hello!", num_inference_steps=2, generator=seeded())
    assert painted.images[0].size == (64, 64)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"words": "twelveplusone!"}, "at most 12"),
        ({"words": ["A", "B"]}, "one region and one word per image"),
        ({"region": np.zeros((32, 64), bool)}, "region is empty"),
        ({"region": np.ones((16, 64), bool)}, "one size"),
        ({"image": np.zeros((30, 62, 3), np.uint8), "region": np.ones((30, 62))}, "multiples of 8"),
        ({"image": np.zeros((32, 64, 3))}, "uint8"),
    ],
)
def test_what_does_not_fit_is_named(pipe, change, named):
    image, region = picture()
    with pytest.raises(UserError, match=named):
        pipe(**({"image": image, "region": region, "words": "CAT"} | change))
