"""Pixels <-> latents, with the interface of diffusers' `AutoencoderKL`."""

import math

import torch
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from torch import Tensor, nn
from torch.nn import functional

from dreamtext.configs.sections import AutoencoderConfig, Config
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

    filters: Tensor

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


def latent_shape(config: Config) -> tuple[int, int, int]:
    """(C, h, w) of a sample's latent."""
    latent = config.model.autoencoder
    return (
        latent.channels,
        config.data.height // latent.downscale,
        config.data.width // latent.downscale,
    )


def build(config: AutoencoderConfig) -> nn.Module:
    """The autoencoder a configuration names.

    Raises:
        UserError: sizes that the block DCT does not have.
    """
    if config.kind == "block_dct":
        if (config.channels, config.downscale) != (16, _SIZE):
            raise UserError(
                "model.autoencoder.kind=block_dct has channels=16 and downscale=4, but "
                f"channels={config.channels} and downscale={config.downscale} were given"
            )
        return BlockDCT(config.scaling_factor)
    return build_kl(config)


def build_kl(config: AutoencoderConfig) -> nn.Module:
    """diffusers' `AutoencoderKL` in the configured sizes, freshly initialised."""
    from diffusers import AutoencoderKL
    from diffusers.models.resnet import ResnetBlock2D

    levels = int(math.log2(config.downscale)) + 1
    widths = config.widths[:levels]
    attention = config.attention or (False,) * levels
    model = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=config.channels,
        down_block_types=tuple(
            "AttnDownEncoderBlock2D" if a else "DownEncoderBlock2D" for a in attention
        ),
        up_block_types=tuple(
            "AttnUpDecoderBlock2D" if a else "UpDecoderBlock2D" for a in reversed(attention)
        ),
        block_out_channels=widths,
        layers_per_block=config.layers_per_block,
        sample_size=512,
        scaling_factor=config.scaling_factor,
    )
    if config.stem:  # the original lets its first convolution be narrower than its first level
        encoder = model.encoder
        encoder.conv_in = nn.Conv2d(3, config.stem, 3, padding=1)
        encoder.down_blocks[0].resnets[0] = ResnetBlock2D(
            in_channels=config.stem,
            out_channels=widths[0],
            temb_channels=None,
            groups=32,
            eps=1e-6,
        )
    # One picture at a time: a batch at full size would need more memory here than the training of
    # all else does, where the U-Net's blocks are checkpointed.
    model.enable_slicing()
    for part in model.modules():
        for name in ("nonlinearity", "conv_act"):
            if hasattr(part, name):
                setattr(part, name, Swish())
    return model


class Swish(nn.Module):
    """SiLU in the original's two operations: the decoder magnifies even their rounding."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)
