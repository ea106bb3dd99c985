"""Our model computes what the released code computes, on a small random model in its layout.

`tests/data/parity` holds that model's weights, its inputs and the released code's outputs;
`python tests/goldens.py parity` computes these a second time, by code that is neither's.
"""

import json

import goldens
import pytest
import torch
from helpers import parity
from helpers.paths import PARITY as FOLDER
from safetensors.torch import load_file

from dreamtext.configs.sections import MaskConfig
from dreamtext.objective import losses, masks
from dreamtext.weights.checkpoints import import_released
from dreamtext.weights.released_layout import unet_name

TOLERANCE = {"rtol": 0, "atol": 1e-5}


@pytest.fixture(scope="module")
def io():
    return load_file(FOLDER / "io.safetensors")


@pytest.fixture(scope="module")
def sizes():
    return json.loads((FOLDER / "config.json").read_text())


@pytest.fixture(scope="module")
def model(sizes):
    return import_released(
        FOLDER / "released_layout.safetensors",
        text_heads=sizes["label_encoder"]["n_heads"],
        unet_head_channels=sizes["unet"]["num_head_channels"],
    )


@pytest.fixture(scope="module")
def forward(model, io):
    with torch.no_grad(), model.recorder.recording((16, 16)) as maps:
        output = model.unet(io["unet_input"], io["timesteps"], io["context"]).sample
    return output, dict(maps)


@pytest.fixture(scope="module")
def released_losses(io):
    """A_bar, masks and letters of the given maps, in the released form."""
    config = MaskConfig(
        height=64, width=64, min_size=16, resize="nearest", border="zero", blur_sigma=1.0
    )
    maps = {}
    for side in (16, 64):
        mean = io[f"loss/attention_{side}"].mean(dim=1)  # over heads: (B, N, L)
        maps[str(side)] = mean.transpose(1, 2).unflatten(2, (side, side))
    average = masks.average_attention(maps, config)
    letters = io["loss/token_mask"] > 0
    return average, masks.threshold(average, config.threshold_std), letters


def test_unet_output(forward, io):
    torch.testing.assert_close(forward[0], io["unet_output"], **TOLERANCE)


def test_attention_of_every_layer(forward, io, model):
    released = {k.removeprefix("attention/"): v for k, v in io.items() if k.startswith("attention")}
    ours = {
        unet_name(f"{layer}.attn2.to_q.weight", model.config.model.unet): maps
        for layer, maps in forward[1].items()
    }
    assert {name.removesuffix(".to_q.weight") for name in ours} == set(released)
    for name, maps in ours.items():
        expected = released[name.removesuffix(".to_q.weight")].permute(0, 3, 1, 2)
        torch.testing.assert_close(maps, expected, **TOLERANCE)


def test_text_encoder(model, io, sizes):
    with torch.no_grad():
        torch.testing.assert_close(model.text_encoder(sizes["labels"]), io["context"], **TOLERANCE)


def test_autoencoder(model, io):
    with torch.no_grad():
        latent = model.autoencoder.encode(io["image"]).latent_dist.mean
        picture = model.autoencoder.decode(io["latent_mean"]).sample
    torch.testing.assert_close(latent, io["latent_mean"], **TOLERANCE)
    torch.testing.assert_close(picture, io["reconstruction"], **TOLERANCE)


def test_latent_masks_exactly(released_losses, io):
    assert torch.equal(released_losses[1], io["loss/latent_masks"].bool())


def one_word(*tensors):
    """Each word alone: our losses are scalars, the released ones are kept by word."""
    return zip(*([value[i : i + 1] for i in range(len(value))] for value in tensors), strict=True)


def test_released_attention_loss(released_losses, io):
    average, found, letters = released_losses
    ours = [losses.attention_max(*word) for word in one_word(average, found, letters)]
    torch.testing.assert_close(torch.stack(ours), io["loss/cross_loss"], **TOLERANCE)


def test_released_supervision(released_losses, io):
    _, found, letters = released_losses
    truth = io["loss/segmentation_64"]
    ours = [losses.supervision_released(*word) for word in one_word(found, truth, letters)]
    torch.testing.assert_close(torch.stack(ours), io["loss/seg_loss"], **TOLERANCE)


def test_released_masked_loss(released_losses, io):
    _, found, letters = released_losses
    error = io["loss/prediction"] - io["loss/target"]
    ours = [losses.separate_mask(*word) for word in one_word(error, found, letters)]
    torch.testing.assert_close(torch.stack(ours), io["loss/masked_loss"], **TOLERANCE)


def test_a_second_computation_gives_the_same_file(io):
    """What we are compared with is no accident of one program."""
    found = goldens.differences()
    assert found.keys() == io.keys() - set(parity.INPUTS)
    assert found.pop("loss/latent_masks") == 0
    assert max(found.values()) < 5e-5  # the picture is decoded of a latent encoded anew
