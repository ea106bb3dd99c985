"""How the terms combine into the loss, and the schedule of supervision."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from dreamtext.configs.sections import Config, ObjectiveConfig
from dreamtext.errors import UserError
from dreamtext.networks.heads import AlignmentHeads
from dreamtext.objective import losses
from dreamtext.objective.masks import (
    character_coverage,
    ground_truth_masks,
    latent_character_masks,
    word_rows,
)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one forward pass gives the objective.

    Attributes:
        error: target - prediction (B, C, h, w).       region: (B, 1, h, w), 1 = repaint.
        average: A_bar (B, T, H, W).                   tokens: (B, L) ids.
        characters: (B, hp, wp) uint8 index map.       has_characters: (B,) bool.
        text: encoder output (B, T, D).                visual: glyph features (B, V, F).
        dropped: (B,) bool, samples whose text was dropped for guidance.
        judged: weighted terms of networks that look at the predicted picture, by name.
    """

    error: Tensor
    region: Tensor
    average: Tensor
    tokens: Tensor
    characters: Tensor
    has_characters: Tensor
    text: Tensor
    visual: Tensor
    dropped: Tensor
    judged: dict[str, Tensor] = field(default_factory=dict)


def terms(
    evidence: Evidence, heads: AlignmentHeads, config: Config, *, supervised: bool
) -> dict[str, Tensor]:
    """Every weighted term of the loss by name; `total` is their sum.

    Raises:
        UserError: supervision is on and no sample of the batch has character masks.
    """
    objective = config.objective
    letters = evidence.tokens != 0
    attended = letters
    if not config.training.dropped_in_attention:
        attended = letters & ~evidence.dropped[:, None]
    masks = latent_character_masks(evidence.average, evidence.tokens, config.masks)
    average = word_rows(evidence.average, evidence.tokens)
    found = _denoising_terms(evidence, masks, letters, config)
    if objective.alpha:
        loss = _attention_loss(average, masks, attended, objective)
        found["attention"] = objective.alpha * loss
    if objective.beta:
        found |= _alignment_terms(evidence, heads, letters, objective)
    if supervised:
        found["supervision"] = _supervision(evidence, average, masks, attended, config)
    found |= evidence.judged
    found["total"] = torch.stack(list(found.values())).sum()
    return found


def _denoising_terms(
    evidence: Evidence, masks: Tensor, letters: Tensor, config: Config
) -> dict[str, Tensor]:
    objective = config.objective
    outside = objective.outside_weight**0.5  # the weight is squared with the error
    weight = evidence.region + outside * (1 - evidence.region)
    at_latent = _to_latent(masks, evidence.error)
    if objective.mask_form == "union":
        union = losses.union_weight(at_latent, letters, objective.gamma)
        return {"denoising": losses.denoising(evidence.error, weight * union)}
    found = {"denoising": losses.denoising(evidence.error, weight)}
    if objective.gamma:
        each = losses.separate_mask_loss(evidence.error, at_latent, letters)
        found["mask"] = objective.gamma * each.mean()
    return found


def _to_latent(masks: Tensor, error: Tensor) -> Tensor:
    """Masks (B, L, H, W) at the error's size; the same object where the sizes already agree."""
    size = error.shape[-2:]
    if masks.shape[-2:] == size:
        return masks
    return torch.nn.functional.interpolate(masks.float(), size, mode="nearest") > 0


def _attention_loss(
    average: Tensor, masks: Tensor, letters: Tensor, objective: ObjectiveConfig
) -> Tensor:
    if objective.attention_form == "l2":
        return losses.attention_l2(average, masks, letters)
    return losses.attention_max(average, masks, letters).mean()


def _alignment_terms(
    evidence: Evidence, heads: AlignmentHeads, letters: Tensor, objective: ObjectiveConfig
) -> dict[str, Tensor]:
    characters = evidence.text[:, : letters.shape[1]]
    text = heads.embed_text(characters)
    visual = heads.embed_visual(evidence.visual)
    if objective.alignment_form == "cosine":
        align = losses.alignment_cosine(text, visual)
    else:
        align = losses.alignment_infonce(text, visual, heads.logit_scale)
    found = {"align": objective.beta * align}
    asked = letters if objective.classified == "letters" else torch.ones_like(letters)
    if objective.identity_weight:
        identity = losses.classification(heads.name(characters), evidence.tokens, asked)
        found["identity"] = objective.beta * objective.identity_weight * identity
    if objective.position_weight:
        places = torch.arange(letters.shape[1], device=letters.device).expand_as(letters)
        position = losses.classification(heads.place(characters), places, asked)
        found["position"] = objective.beta * objective.position_weight * position
    return found


def _supervision(
    evidence: Evidence, average: Tensor, masks: Tensor, letters: Tensor, config: Config
) -> Tensor:
    known = evidence.has_characters
    if not known.any():
        raise UserError(
            f"supervision '{config.objective.supervision.mode}' needs character masks, but the "
            f"data set '{config.data.name}' has none for these samples; use "
            "objective.supervision.mode=none or another data set"
        )
    supervision = config.objective.supervision
    length, size = letters.shape[1], (config.masks.height, config.masks.width)
    average, masks, letters = average[known], masks[known], letters[known]
    characters = evidence.characters[known]
    if supervision.form == "released":
        truth = ground_truth_masks(characters, length, size)
        return supervision.weight * losses.supervision_released(masks, truth, letters).mean()
    if supervision.form == "max":
        truth = ground_truth_masks(characters, length, size)
        return supervision.weight * losses.attention_max(average, truth, letters).mean()
    coverage = character_coverage(characters, length, size)
    if supervision.form == "pixels":
        return supervision.weight * losses.supervision_pixels(average, coverage, letters)
    kept = letters.any(dim=1)  # samples with dropped text may be left out of attention losses
    return supervision.weight * losses.supervision_tokens(
        average[kept], coverage[kept], supervision.background_weight
    )
