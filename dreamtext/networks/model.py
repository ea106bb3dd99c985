"""U-Net, autoencoder and encoders as one module."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import Transformer2DModel, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from dreamtext.configs.sections import Config
from dreamtext.data.sample import Batch
from dreamtext.networks import autoencoder, glyph_encoder
from dreamtext.networks.attention import AttentionRecorder, Maps, text_attention
from dreamtext.networks.heads import AlignmentHeads
from dreamtext.networks.latent_cache import LatentCache
from dreamtext.networks.segmentation import SegmentationEncoder, Segmenter, class_map
from dreamtext.networks.text_encoder import TextEncoder


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What the U-Net is told besides the noisy latent, at latent size (h, w).

    Attributes:
        latents: (B, C, h, w) of the real image.     masked: (B, C, h, w) of the masked image.
        region: (B, 1, h, w), 1 where any pixel of the cell is repainted.
        extra: (B, K, h, w), coordinates relative to the region (K = `unet.coordinate_channels`).
        layout: (B, H, W) int64 character id of every pixel, 0 elsewhere; None if not configured.
    """

    latents: Tensor
    masked: Tensor
    region: Tensor
    extra: Tensor
    layout: Tensor | None = None

    def repeated(self, times: int) -> "Condition":
        """The same for so many predictions of every sample: (times B, ...)."""
        each = {n: torch.cat([v] * times) for n, v in vars(self).items() if v is not None}
        return replace(self, **each)


class DreamText(nn.Module):
    """The method's networks. The autoencoder and the glyph encoder are never trained."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        model = config.model
        self.text_encoder = TextEncoder(model.text, config.data.max_length)
        self.glyph_encoder = glyph_encoder.build(model.glyph, config.data.max_length)
        self.autoencoder: Any = autoencoder.build(model.autoencoder)  # ours, or diffusers' own
        self.unet = build_unet(config)
        self.heads = AlignmentHeads(
            text_width=model.text.width,
            visual_width=self.glyph_encoder.features,
            visual_tokens=self.glyph_encoder.tokens,
            length=config.data.max_length,
            norm=config.objective.head_norm,
        )
        self.recorder = AttentionRecorder(self.unet)
        self.latent_cache: LatentCache | None = None
        self.layout_encoder: SegmentationEncoder | None = None
        self.segmenter: Segmenter | None = None
        if model.segmentation.channels:
            latent = model.autoencoder
            self.layout_encoder = SegmentationEncoder(model.segmentation, latent.downscale)
        if config.objective.character_weight:
            self.segmenter = Segmenter(model.autoencoder.channels).requires_grad_(False)
        for frozen in (self.autoencoder, self.glyph_encoder):
            frozen.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "DreamText":
        super().train(mode)
        self.autoencoder.eval()
        self.glyph_encoder.eval()
        return self

    def encode(self, images: Tensor, noise: Tensor | None = None) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> scaled latents (B, C, h, w): the distribution's mean, or
        drawn from it with `noise` of their shape."""
        scale = self.config.model.autoencoder.scaling_factor
        posterior = self.autoencoder.encode(images).latent_dist
        latents = posterior.mode() if noise is None else posterior.mean + posterior.std * noise
        return latents * scale

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled latents -> (B, 3, H, W) in [-1, 1]."""
        scale = self.config.model.autoencoder.scaling_factor
        return self.autoencoder.decode(latents / scale).sample.clamp(-1, 1)

    @torch.no_grad()
    def condition(self, batch: Batch, latent_noise: Tensor | None = None) -> Condition:
        """Encode a batch's image and masked image, and bring its region to latent size.

        Args:
            latent_noise: (B, 2, C, h, w), to draw both pictures' latents with.
        """
        images = torch.cat([batch.image, batch.masked_image])
        cache = self.latent_cache
        if latent_noise is not None:
            encoded = self.encode(images, torch.cat([latent_noise[:, 0], latent_noise[:, 1]]))
        else:
            encoded = cache.encode(images, self.encode) if cache else self.encode(images)
        latents, masked = encoded.chunk(2)
        size = latents.shape[-2:]
        if self.config.model.unet.region == "any":
            region = functional.adaptive_max_pool2d(batch.region, size)
        else:
            region = functional.interpolate(batch.region, size, mode="bilinear")
        extra = region[:, :0]
        if self.config.model.unet.coordinates:
            extra = coordinates(batch.region, (size[0], size[1]))
            waves = fourier_features(extra[:, :2], self.config.model.unet.coordinate_octaves)
            extra = torch.cat([extra, waves], dim=1)
        layout = (
            class_map(batch.characters, batch.tokens) if self.layout_encoder is not None else None
        )
        return Condition(latents=latents, masked=masked, region=region, extra=extra, layout=layout)

    def denoise(
        self,
        noisy: Tensor,
        timesteps: Tensor,
        condition: Condition,
        context: Tensor,
        tokens: Tensor,
    ) -> Tensor:
        """The U-Net's prediction (B, C, h, w) for noisy latents.

        Args:
            context: (B, T, D) character tokens.   tokens: (B, L) ids, for the attention mask.
        """
        channels = [noisy, condition.region, condition.masked, condition.extra]
        if self.layout_encoder is not None:
            channels.append(self.layout_encoder(condition.layout))
        return self.unet(
            torch.cat(channels, dim=1),
            timesteps,
            encoder_hidden_states=context,
            encoder_attention_mask=self.text_encoder.attention_mask(tokens),
        ).sample

    def denoise_recorded(
        self,
        noisy: Tensor,
        timesteps: Tensor,
        condition: Condition,
        context: Tensor,
        tokens: Tensor,
    ) -> tuple[Tensor, Maps]:
        """As `denoise`, with the cross-attention of every layer (B, T, h, w) beside it."""
        with self.recorder.recording((noisy.shape[-2], noisy.shape[-1])) as maps:
            prediction = self.denoise(noisy, timesteps, condition, context, tokens)
        return prediction, maps


def build_unet(config: Config) -> UNet2DConditionModel:
    """The U-Net a configuration describes, freshly initialised."""
    unet, latent = config.model.unet, config.model.autoencoder
    levels = range(len(unet.widths))
    down = ["CrossAttnDownBlock2D" if unet.attention[i] else "DownBlock2D" for i in levels]
    up = ["CrossAttnUpBlock2D" if unet.attention[i] else "UpBlock2D" for i in reversed(levels)]
    depths = list(unet.depths or (1,) * len(unet.widths))
    middle = unet.middle_depth or depths[-1]
    if not unet.attention[-1]:  # diffusers takes the middle's depth from the last level
        depths[-1] = middle
    model = UNet2DConditionModel(
        sample_size=None,
        in_channels=2 * latent.channels
        + 1
        + unet.coordinate_channels
        + config.model.segmentation.channels,
        out_channels=latent.channels,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        block_out_channels=unet.widths,
        layers_per_block=unet.layers_per_block,
        attention_head_dim=unet.heads,  # diffusers' name for the number of heads
        cross_attention_dim=config.model.text.width,
        norm_num_groups=unet.norm_groups,
        use_linear_projection=unet.linear_projection,
        transformer_layers_per_block=tuple(depths),
    )
    if middle != depths[-1]:
        model.mid_block.attentions[0] = Transformer2DModel(
            unet.heads[-1],
            unet.widths[-1] // unet.heads[-1],
            in_channels=unet.widths[-1],
            num_layers=middle,
            cross_attention_dim=config.model.text.width,
            norm_num_groups=unet.norm_groups,
            use_linear_projection=unet.linear_projection,
        )
    if unet.text_attention == "zero_output":
        for module in text_attention(model).values():
            nn.init.zeros_(module.to_out[0].weight)
            nn.init.zeros_(module.to_out[0].bias)
    return model


def coordinates(region: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, 4, h, w): x and y relative to the region's box (-1 to 1 inside), its width and height.

    Args:
        region: (B, 1, H, W), 1 = repaint, at least one pixel of it.
        size: the latent (h, w).
    """
    planes = []
    for axis, cells in ((3, size[1]), (2, size[0])):
        pixels = region.shape[axis]
        present = region.amax(dim=5 - axis).squeeze(1) > 0  # (B, pixels) along this axis
        place = torch.arange(pixels, device=region.device)
        low = torch.where(present, place, pixels).amin(dim=1) / pixels
        high = (torch.where(present, place, -1).amax(dim=1) + 1) / pixels
        centre = (torch.arange(cells, device=region.device) + 0.5) / cells
        relative = (2 * (centre - low[:, None]) / (high - low)[:, None] - 1).clamp(-2, 2)
        shape = (-1, 1, cells) if axis == 3 else (-1, cells, 1)
        planes.append((relative.reshape(shape), (high - low)[:, None, None]))
    (x, width), (y, height) = planes
    return torch.stack([plane.expand(-1, *size) for plane in (x, y, width, height)], dim=1)


def fourier_features(places: Tensor, octaves: int) -> Tensor:
    """(B, 2 K octaves, h, w): sines and cosines of `2^n pi / 2` times places (B, K, h, w).

    Source: Tancik et al. 2020, "Fourier features let networks learn high frequency functions".
    """
    rates = 2.0 ** torch.arange(octaves, device=places.device) * (math.pi / 2)
    angles = (places[:, :, None] * rates[:, None, None]).flatten(1, 2)
    return torch.cat([angles.sin(), angles.cos()], dim=1)
