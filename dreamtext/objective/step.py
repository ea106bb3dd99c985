"""A training step as DreamText (arXiv 2405.14701, section 3) has it."""

import torch
from torch import Tensor, nn

from dreamtext.data.sample import Batch
from dreamtext.networks.diffusion import Draw, training_scheduler
from dreamtext.networks.model import DreamText
from dreamtext.objective import losses, picture_terms, terms
from dreamtext.objective.masks import (
    average_attention,
    blurred_layers,
    latent_character_masks,
    word_rows,
)
from dreamtext.objective.schedule import Weights


class TrainingStep(nn.Module):
    """From samples to the terms of the loss. A module, so that it can be spread over devices."""

    def __init__(self, model: DreamText) -> None:
        super().__init__()
        self.model = model
        self.scheduler = training_scheduler(model.config.diffusion)

    def forward(self, batch: Batch, draw: Draw, weights: Weights) -> dict[str, Tensor]:
        """The weighted terms of the loss by name, `total`, their sum, and `retrieval`, no loss: the
        share of words whose own crop is the nearest of the batch.

        Args:
            draw: what is random in this step.   weights: of the terms that come and go.
        """
        model, config = self.model, self.model.config
        objective, letters = config.objective, batch.tokens != 0
        kept = letters & ~draw.dropped[:, None]

        # Sample -> latents of the picture and of the picture without its region; noise.
        with in_full_precision(draw.noise):  # Stable Diffusion's autoencoder overflows in half
            condition = model.condition(batch, draw.latent_noise)
        noisy = self.scheduler.add_noise(condition.latents, draw.noise, draw.timesteps)

        # Word -> character tokens; a share is dropped, for classifier-free guidance.
        text = model.text_encoder(batch.tokens)
        context = text * (~draw.dropped)[:, None, None]

        # U-Net, its cross-attention recorded at every layer.
        predicted, maps = model.denoise_recorded(
            noisy, draw.timesteps, condition, context, batch.tokens
        )

        with in_full_precision(draw.noise):
            # Attention -> A_bar -> latent character masks, which are held fixed.
            average = average_attention(maps, config.masks)
            masks = latent_character_masks(average, batch.tokens, config.masks)

            # L_mask.
            error = self.target(condition.latents, draw) - predicted.float()
            masked = letters if objective.dropped_in_mask == "own_masks" else kept
            loss = terms.denoising_terms(error, condition.region, masks, masked, objective)

            # alpha L_attn.
            attended = letters if config.training.dropped_in_attention else kept
            if weights.attention:
                rows = word_rows(average, batch.tokens)
                attention = terms.attention_term(rows, masks, attended, objective)
                loss["attention"] = weights.attention * attention

            # beta (L_align + L_id).
            watched = {}
            if objective.beta:
                characters = text.float()[:, : letters.shape[1]]
                word = model.heads.embed_text(characters)
                crop = model.heads.embed_visual(self.crop_features(batch))
                align = terms.alignment_term(word, crop, model.heads, objective)
                loss["align"] = objective.beta * align
                loss |= terms.character_terms(characters, batch.tokens, model.heads, objective)
                watched["retrieval"] = losses.retrieval(word.detach(), crop.detach())

            # Balanced supervision, of A_bar or of every layer.
            if weights.supervision:
                each = objective.supervision.layers == "each"
                layers = blurred_layers(maps, config.masks).values() if each else [average]
                supervision = terms.supervision_term(
                    [word_rows(layer, batch.tokens) for layer in layers],
                    attended,
                    model.text_encoder.has_background(batch.tokens),
                    batch,
                    config,
                )
                loss["supervision"] = weights.supervision * supervision

            # Terms of other papers, none by default.
            if picture_terms.wanted(objective):
                clean = self.clean(noisy, predicted.float(), draw)
                loss |= picture_terms.picture_terms(model, batch, clean)
            return loss | {"total": terms.total(loss)} | watched

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
    def crop_features(self, batch: Batch) -> Tensor:
        """(B, V, F): what the frozen image encoder sees of the real word."""
        return self.model.glyph_encoder(batch.crop)


def in_full_precision(beside: Tensor) -> torch.autocast:
    """Switches mixed precision off, on the device of a tensor: for losses and frozen networks."""
    return torch.autocast(beside.device.type, enabled=False)
