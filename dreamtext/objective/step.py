"""A training step as a module: from a batch and what is drawn for it to the loss terms."""

import torch
from torch import Tensor, nn

from dreamtext.data.sample import Batch
from dreamtext.networks import diffusion
from dreamtext.networks.attention import Maps
from dreamtext.networks.model import DreamText
from dreamtext.objective.masks import average_attention
from dreamtext.objective.picture_terms import judged_terms
from dreamtext.objective.terms import Evidence, terms
from dreamtext.training.batches import Draw


class TrainingStep(nn.Module):
    """sample -> latents -> U-Net with recorded attention -> latent character masks -> terms."""

    def __init__(self, model: DreamText) -> None:
        super().__init__()
        self.model = model
        self.scheduler = diffusion.training_scheduler(model.config.diffusion)

    def forward(self, batch: Batch, draw: Draw, supervised: bool) -> dict[str, Tensor]:
        model, config = self.model, self.model.config
        with in_full_precision(draw.noise):  # Stable Diffusion's autoencoder overflows in half
            condition = model.condition(batch)
        noisy = self.scheduler.add_noise(condition.latents, draw.noise, draw.timesteps)
        text = model.text_encoder(batch.tokens)
        context = text * (~draw.dropped)[:, None, None]
        given = (noisy, draw.timesteps, condition, context, batch.tokens)
        predicted, maps = self.predict(given, supervised)
        with in_full_precision(draw.noise):
            evidence = Evidence(
                error=self.target(condition.latents, draw) - predicted.float(),
                region=condition.region,
                average=self.average(maps, text),
                tokens=batch.tokens,
                characters=batch.characters,
                has_characters=batch.has_characters,
                text=text.float(),
                visual=self.glyphs(batch),
                dropped=draw.dropped,
                judged=judged_terms(model, batch, lambda: self.clean(noisy, predicted, draw)),
            )
            return terms(evidence, model.heads, config, supervised=supervised)

    def predict(self, given: tuple, supervised: bool) -> tuple[Tensor, Maps | None]:
        """The U-Net's prediction; attention is recorded only if some loss term looks at it."""
        objective = self.model.config.objective
        if objective.gamma or objective.alpha or supervised:
            return self.model.denoise_recorded(*given)
        return self.model.denoise(*given), None

    def average(self, maps: Maps | None, text: Tensor) -> Tensor:
        """A_bar (B, T, H, W); zero where no attention was recorded."""
        masks = self.model.config.masks
        if maps is None:
            return text.new_zeros(*text.shape[:2], masks.height, masks.width, dtype=torch.float32)
        return average_attention(maps, masks)

    def target(self, latents: Tensor, draw: Draw) -> Tensor:
        """What the U-Net is to predict."""
        kind = self.model.config.diffusion.prediction
        if kind == "sample":
            return latents
        if kind == "epsilon":
            return draw.noise
        return self.scheduler.get_velocity(latents, draw.noise, draw.timesteps)

    def clean(self, noisy: Tensor, predicted: Tensor, draw: Draw) -> Tensor:
        """The clean latents (B, C, h, w) that a prediction amounts to."""
        kind = self.model.config.diffusion.prediction
        if kind == "sample":
            return predicted
        kept = self.scheduler.alphas_cumprod.to(noisy.device)[draw.timesteps].view(-1, 1, 1, 1)
        if kind == "epsilon":
            return (noisy - (1 - kept).sqrt() * predicted) / kept.sqrt().clamp_min(1e-3)
        return kept.sqrt() * noisy - (1 - kept).sqrt() * predicted

    @torch.no_grad()
    def glyphs(self, batch: Batch) -> Tensor:
        return self.model.glyph_encoder(batch.crop)


def in_full_precision(beside: Tensor) -> torch.autocast:
    """Switches mixed precision off, on the device of a tensor: for losses and frozen networks."""
    return torch.autocast(beside.device.type, enabled=False)
