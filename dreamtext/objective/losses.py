"""Each term of the objective, a pure function of tensors (METHOD: Losses, released code).

Shapes: maps and masks are (B, L, H, W) with one row per character; `letters` is (B, L) bool, True
at the word's own characters, never at padding. Every function returns one scalar unless it says
otherwise.
"""

import torch
from torch import Tensor
from torch.nn import functional


def _mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of `values` where `chosen` (same shape, bool); 0 with a gradient where none is."""
    weight = chosen.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp_min(1)


# --- L_mask -------------------------------------------------------------------------------------


def denoising(error: Tensor, weight: Tensor) -> Tensor:
    """Mean of (weight x error)^2 over everything; error (B, C, H, W), weight broadcasts to it."""
    return (weight * error).square().mean()


def union_weight(masks: Tensor, letters: Tensor, gamma: float) -> Tensor:
    """(B, 1, H, W): `1 + gamma M_k`, `M_k` the union of the word's masks (paper, L_mask)."""
    own = masks & letters[:, :, None, None]
    return 1 + gamma * own.any(dim=1, keepdim=True).float()


def separate_mask_loss(error: Tensor, masks: Tensor, letters: Tensor) -> Tensor:
    """Released code: mean over characters of the full-area mean of `err^2 M_i`; (B,) per sample."""
    square = error.square().mean(dim=1, keepdim=True)  # over channels
    per_character = (square * masks.float()).mean(dim=(-2, -1))
    count = letters.sum(dim=1).clamp_min(1)
    return (per_character * letters).sum(dim=1) / count


# --- L_attn -------------------------------------------------------------------------------------


def attention_l2(average: Tensor, masks: Tensor, letters: Tensor) -> Tensor:
    """`E || A_i - M_i ||^2` per pixel, over the word's characters (paper, L_attn)."""
    distance = (average - masks.float()).square().mean(dim=(-2, -1))
    return _mean_over(distance, letters)


def attention_max(average: Tensor, masks: Tensor, letters: Tensor) -> Tensor:
    """Released code: `max outside M_i - max inside M_i` of `A_bar_i`; (B,) per sample."""
    inside = (average * masks.float()).amax(dim=(-2, -1))
    outside = (average * (~masks).float()).amax(dim=(-2, -1))
    count = letters.sum(dim=1).clamp_min(1)
    return ((outside - inside) * letters).sum(dim=1) / count


# --- L_align and L_id ---------------------------------------------------------------------------


def alignment_cosine(text: Tensor, visual: Tensor) -> Tensor:
    """1 - cosine similarity of (B, D) embeddings, so that minimising aligns (paper, L_align)."""
    return (1 - functional.cosine_similarity(text, visual, dim=-1)).mean()


def alignment_infonce(text: Tensor, visual: Tensor, logit_scale: Tensor) -> Tensor:
    """Released code: symmetric InfoNCE over the batch with a learned temperature."""
    similarity = functional.normalize(text, dim=-1) @ functional.normalize(visual, dim=-1).T
    logits = logit_scale.exp() * similarity
    target = torch.arange(len(logits), device=logits.device)
    return (
        functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    ) / 2


def classification(logits: Tensor, target: Tensor, letters: Tensor) -> Tensor:
    """Cross-entropy of (B, L, C) logits against (B, L) classes over the word's characters.

    With character ids it is the paper's L_id, with positions the released position loss.
    """
    each = functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
    return _mean_over(each, letters)


# --- supervision by ground-truth character masks ------------------------------------------------


def supervision_tokens(average: Tensor, coverage: Tensor, background_weight: float) -> Tensor:
    """Cross-entropy over tokens at every cell, with a gradient to the soft attention.

    Args:
        average: A_bar (B, L, H, W), zero at padding; what the word's characters leave of each
            cell's attention (null or padding tokens) counts as the background's.
        coverage: ground truth (B, L, H, W) in 0..1; the rest of each cell is background.
    """
    background = 1 - coverage.sum(dim=1)
    left = (1 - average.sum(dim=1)).clamp_min(1e-4)
    characters = -(coverage * average.clamp_min(1e-4).log()).sum(dim=1)
    return (characters - background_weight * background * left.log()).mean()


def supervision_pixels(average: Tensor, coverage: Tensor, letters: Tensor) -> Tensor:
    """Cross-entropy over pixels: each character's attention, as a distribution over the image,
    against its ground truth as one."""
    attention = average.flatten(2)
    attention = attention / attention.sum(dim=-1, keepdim=True).clamp_min(1e-8)
    target = coverage.flatten(2)
    target = target / target.sum(dim=-1, keepdim=True).clamp_min(1e-8)
    each = -(target * attention.clamp_min(1e-8).log()).sum(dim=-1)
    return _mean_over(each, letters & (coverage.sum(dim=(-2, -1)) > 0))


def supervision_released(masks: Tensor, truth: Tensor, letters: Tensor) -> Tensor:
    """Released code: L1 between *binary* masks: a number to watch, it has no gradient; (B,)."""
    distance = (masks.float() - truth.float()).abs().mean(dim=(-2, -1))
    count = letters.sum(dim=1).clamp_min(1)
    return (distance * letters).sum(dim=1) / count
