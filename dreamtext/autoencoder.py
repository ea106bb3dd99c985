"""Pixels <-> latents, with the interface of diffusers' `AutoencoderKL`."""

import math

import torch
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from torch import Tensor, nn
from torch.nn import functional

from dreamtext.config import AutoencoderConfig
from dreamtext.errors import UserError

_SIZE = 4


def _cosine_basis(size: int) -> Tensor:
    """(size, size) orthonormal DCT-II, one frequency a row."""
    place = torch.arange(size) + 0.5
    rows = torch.cos(math.pi / size * torch.arange(size)[:, None] * place) * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows


class BlockDCT(nn.Module):
    """The lowest frequencies of 4 x 4 blocks: 12 of luma, 2 + 2 of chroma; nothing to train.

    Orthonormal, so a mean squared error of latents is one of pixels (less what is left out).
    """

    def __init__(self, scaling_factor: float = 1.0) -> None:
        super().__init__()
        self.scaling_factor = scaling_factor
        basis = _cosine_basis(_SIZE)
        order = sorted(
            ((i, j) for i in range(_SIZE) for j in range(_SIZE)), key=lambda f: (sum(f), f)
        )
        root = math.sqrt
        colours = {
            "luma": torch.tensor([1, 1, 1]) / root(3),
            "red-blue": torch.tensor([1, 0, -1]) / root(2),
            "green": torch.tensor([1, -2, 1]) / root(6),
        }
        chosen = [("luma", f) for f in order[:12]]
        chosen += [(colour, f) for colour in ("red-blue", "green") for f in order[:2]]
        filters = [
            colours[colour][:, None, None] * torch.outer(basis[i], basis[j])
            for colour, (i, j) in chosen
        ]
        self.register_buffer("filters", torch.stack(filters), persistent=False)

    def encode(self, images: Tensor) -> AutoencoderKLOutput:
        """(B, 3, H, W) in [-1, 1] -> a distribution without spread over (B, 16, H/4, W/4)."""
        mean = functional.conv2d(images, self.filters, stride=_SIZE)
        moments = torch.cat([mean, torch.zeros_like(mean)], dim=1)
        return AutoencoderKLOutput(
            latent_dist=DiagonalGaussianDistribution(moments, deterministic=True)
        )

    def decode(self, latents: Tensor) -> DecoderOutput:
        """(B, 16, h, w) -> (B, 3, 4h, 4w)."""
        return DecoderOutput(
            sample=functional.conv_transpose2d(latents, self.filters, stride=_SIZE)
        )


def build(config: AutoencoderConfig) -> nn.Module:
    """The autoencoder a configuration names."""
    if config.kind == "block_dct":
        if (config.channels, config.downscale) != (16, _SIZE):
            raise UserError(
                "model.autoencoder.kind=block_dct has channels=16 and downscale=4, but "
                f"channels={config.channels} and downscale={config.downscale} were given"
            )
        return BlockDCT(config.scaling_factor)
    from diffusers import AutoencoderKL

    if config.weights:
        return AutoencoderKL.from_pretrained(config.weights, local_files_only=True)
    levels = int(math.log2(config.downscale)) + 1
    return AutoencoderKL(  # Stable Diffusion's, not yet trained
        in_channels=3,
        out_channels=3,
        latent_channels=config.channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=(128, 256, 512, 512)[:levels],
        layers_per_block=2,
        sample_size=512,
        scaling_factor=config.scaling_factor,
    )
