"""What `tests/data/parity/io.safetensors` holds, computed by a second, plain implementation from
the weights and inputs that lie beside it. The file itself is the released code's."""

from typing import Any

import numpy as np
import torch
from helpers import released_reference
from helpers.released_reference import Sizes, Weights
from scipy.ndimage import correlate1d
from torch import Tensor

INPUTS = (
    *("unet_input", "timesteps", "image"),
    *("loss/attention_16", "loss/attention_64", "loss/prediction", "loss/target"),
    *("loss/segmentation_64", "loss/token_mask"),
)


@torch.no_grad()
def outputs(weights: dict[str, Tensor], sizes: dict[str, Any], given: dict[str, Tensor]) -> dict:
    """Every output of the file by its name, of inputs (`INPUTS`) by theirs."""
    kept = Weights(0)
    kept.update(weights)
    kept.create = False
    s = _sizes(sizes, weights)
    context = released_reference.text_encoder(kept, s, _ids(sizes["labels"], s.max_len))
    prediction, maps = released_reference.unet(
        kept, s, given["unet_input"], given["timesteps"], context
    )
    latent = released_reference.encode(kept, s, given["image"])
    return {
        "context": context,
        "unet_output": prediction,
        **{f"attention/{name}": values.permute(0, 2, 3, 1) for name, values in maps.items()},
        "latent_mean": latent,
        "reconstruction": released_reference.decode(kept, s, latent),
        **_losses({k: v.double().numpy() for k, v in given.items()}, sizes["loss"]),
    }


def _sizes(sizes: dict[str, Any], weights: dict[str, Tensor]) -> Sizes:
    unet, text, vae = sizes["unet"], sizes["label_encoder"], sizes["autoencoder"]
    return Sizes(
        model_channels=unet["model_channels"],
        channel_mult=tuple(unet["channel_mult"]),
        num_res_blocks=unet["num_res_blocks"],
        attention_resolutions=tuple(unet["attention_resolutions"]),
        num_head_channels=unet["num_head_channels"],
        transformer_depth=unet["transformer_depth"],
        use_linear=unet["use_linear_in_transformer"],
        emb_dim=text["emb_dim"],
        text_heads=text["n_heads"],
        text_layers=text["n_trans_layers"],
        text_feedforward=len(weights["conditioner.embedders.0.encoder.layers.0.linear1.bias"]),
        max_len=text["max_len"],
        z_channels=vae["z_channels"],
        ch=vae["ch"],
        ch_mult=tuple(vae["ch_mult"]),
        vae_res_blocks=vae["num_res_blocks"],
    )


def _ids(labels: list[str], length: int) -> Tensor:
    import string

    return torch.tensor(
        [[string.printable.index(c) + 1 for c in label] + [0] * (length - len(label))
         for label in labels]
    )  # fmt: skip


def _losses(given: dict[str, np.ndarray], setting: dict[str, Any]) -> dict[str, Tensor]:
    """The released losses, a word and a character at a time."""
    side, half = setting["interpolate_to"], setting["kernel_size"] // 2
    bell = np.exp(-0.5 * (np.arange(-half, half + 1) / setting["gaussian_sigma"]) ** 2)
    words, length = given["loss/token_mask"].shape
    masks = np.zeros((words, length, side, side), bool)
    cross, segmentation, masked = np.zeros((3, words))
    square = (given["loss/prediction"] - given["loss/target"]) ** 2
    for word in range(words):
        letters = np.flatnonzero(given["loss/token_mask"][word] > 0)
        for letter in range(length):
            layers = []
            for size in (16, 64):
                layer = given[f"loss/attention_{size}"][word, :, :, letter].mean(0)
                layer = layer.reshape(size, size).repeat(side // size, 0).repeat(side // size, 1)
                for axis in (0, 1):
                    layer = correlate1d(layer, bell / bell.sum(), axis, mode="constant")
                layers.append(layer)
            average = np.mean(layers, axis=0)
            mask = average > average.mean() + 2 * average.std(ddof=1)
            masks[word, letter] = mask
            if letter in letters:
                share = 1 / len(letters)
                cross[word] += share * ((average * ~mask).max() - (average * mask).max())
                truth = given["loss/segmentation_64"][word, letter]
                segmentation[word] += share * np.abs(mask - truth).mean()
                masked[word] += share * (square[word].mean(0) * mask).mean()
    found = {"latent_masks": masks, "cross_loss": cross, "seg_loss": segmentation}
    return {f"loss/{k}": torch.from_numpy(v) for k, v in (found | {"masked_loss": masked}).items()}
