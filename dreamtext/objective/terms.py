"""The weighted terms of the loss: which form a configuration asks for, and what it weighs.

Source: DreamText (arXiv 2405.14701, section 3), `L = L_mask + alpha L_attn + beta (L_align + L_id)`
and its balanced supervision. Shapes: (B, L) characters of B words, (h, w) latent cells, (H, W)
cells of attention maps and masks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dreamtext.configs.sections import Config, ObjectiveConfig
from dreamtext.data.sample import Batch, HostBatch
from dreamtext.errors import UserError
from dreamtext.networks.heads import AlignmentHeads
from dreamtext.objective import losses
from dreamtext.objective.masks import (
    character_coverage,
    ground_truth_masks,
    latent_character_masks,
)

Terms = dict[str, Tensor]


def denoising_terms(
    error: Tensor, region: Tensor, masks: Tensor, letters: Tensor, objective: ObjectiveConfig
) -> Terms:
    """L_mask, weighted by the union of the word's masks or with a term of its own beside.

    Args:
        error: target - prediction (B, C, h, w).   region: (B, 1, h, w), 1 = repaint.
        masks: latent character masks (B, L, H, W) bool.   letters: (B, L) bool, those that count.
    """
    outside = objective.outside_weight**0.5  # the weight is squared with the error
    weight = region + outside * (1 - region)
    masks = _resized(masks, error)
    if objective.mask_form == "union":
        union = losses.union_weight(masks, letters, objective.gamma)
        return {"denoising": losses.denoising(error, weight * union, objective.mask_norm)}
    terms = {"denoising": losses.denoising(error, weight, objective.mask_norm)}
    if objective.gamma:
        terms["mask"] = objective.gamma * losses.separate_mask(error, masks, letters)
    return terms


def _resized(masks: Tensor, error: Tensor) -> Tensor:
    """Masks (B, L, H, W) at the error's size."""
    size = error.shape[-2:]
    if masks.shape[-2:] == size:
        return masks
    return functional.interpolate(masks.float(), size, mode="nearest") > 0


def attention_term(
    characters: Tensor, masks: Tensor, letters: Tensor, objective: ObjectiveConfig
) -> Tensor:
    """L_attn, without its weight: attention (B, L, H, W) of the characters against their masks."""
    if objective.attention_form == "max":
        return losses.attention_max(characters, masks, letters)
    return losses.attention_l2(
        characters, masks, letters, objective.attention_norm, objective.character_average
    )


def alignment_term(
    text: Tensor, visual: Tensor, heads: AlignmentHeads, objective: ObjectiveConfig
) -> Tensor:
    """L_align of embedded words (B, E) and embedded crops of them (B, E), without its weight."""
    if objective.alignment_form == "cosine":
        return losses.alignment_cosine(text, visual)
    return losses.alignment_infonce(text, visual, heads.logit_scale)


def character_terms(
    characters: Tensor, tokens: Tensor, heads: AlignmentHeads, objective: ObjectiveConfig
) -> Terms:
    """L_id, and the position loss of the released code.

    Args:
        characters: character tokens (B, L, D).   tokens: (B, L) character ids.
    """
    terms, letters, average = {}, tokens != 0, objective.character_average
    asked = letters if objective.classified == "letters" else torch.ones_like(letters)
    if objective.identity_weight:
        identity = losses.classification(heads.identity_logits(characters), tokens, asked, average)
        terms["identity"] = objective.beta * objective.identity_weight * identity
    if objective.position_weight:
        places = torch.arange(letters.shape[1], device=letters.device).expand_as(letters)
        position = losses.classification(heads.position_logits(characters), places, asked, average)
        terms["position"] = objective.beta * objective.position_weight * position
    return terms


def supervision_term(
    layers: Sequence[Tensor],
    letters: Tensor,
    has_background: Tensor,
    batch: Batch,
    config: Config,
) -> Tensor:
    """Ground-truth character masks against the attention, without its weight.

    Args:
        layers: attention (B, L, h, w) of the word's characters, zero at padding: A_bar alone, or
            every layer at its own size, over which the loss is averaged.
        letters: (B, L) bool; samples without ground truth are left out here.
        has_background: (B,) bool, whether a token is left for the background.
    """
    letters = letters & batch.has_characters[:, None]
    each = [_supervision(layer, letters, has_background, batch, config) for layer in layers]
    return torch.stack(each).mean()


def _supervision(
    characters: Tensor, letters: Tensor, has_background: Tensor, batch: Batch, config: Config
) -> Tensor:
    supervision, length = config.objective.supervision, letters.shape[1]
    size = (characters.shape[-2], characters.shape[-1])
    if supervision.form in ("released", "max"):
        truth = ground_truth_masks(batch.characters, length, size)
        if supervision.form == "max":
            return losses.attention_max(characters, truth, letters)
        masks = latent_character_masks(characters, batch.tokens, config.masks)
        return losses.supervision_released(masks, truth, letters)
    coverage = character_coverage(batch.characters, length, size)
    if supervision.form == "pixels":
        return losses.supervision_pixels(characters, coverage, letters)
    return losses.supervision_tokens(
        characters, coverage, letters, has_background, supervision.background_weight
    )


def total(terms: Terms) -> Tensor:
    """The loss: the sum of its weighted terms."""
    return torch.stack(list(terms.values())).sum()


def refuse_unlabelled(batch: HostBatch, config: Config) -> None:
    """Raises `UserError` if no sample of a batch has the character masks that
    supervision or the character-aware loss learn from."""
    if batch.has_characters.any():
        return
    supervision, weight = config.objective.supervision, config.objective.character_weight
    asking, remedy = f"supervision '{supervision.mode}'", "objective.supervision.mode=none"
    if weight and supervision.mode == "none":
        asking, remedy = f"objective.character_weight={weight:g}", "objective.character_weight=0"
    raise UserError(
        f"{asking} needs character masks, but the data set '{config.data.name}' has none for "
        f"these samples; use {remedy} or another data set"
    )
