"""Each term of the objective, a pure function of tensors that returns one scalar.

Maps and masks are (B, L, H, W) with one row per character; `letters` is (B, L) bool, True at the
characters of each word that count, never at padding. A term names its equation in DreamText
(arXiv 2405.14701, section 3), or the released code where it is found only there.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Norm = Literal["mean", "sum"]
CharacterAverage = Literal["batch", "word", "word_sum"]


def mean_over_characters(values: Tensor, letters: Tensor) -> Tensor:
    """The mean of values (B, L) over all characters of the batch; 0 if there are none."""
    weight = letters.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp_min(1)


def mean_over_words(values: Tensor, letters: Tensor) -> Tensor:
    """The mean over words of each word's mean over its characters, of values (B, L).

    A word none of whose characters count is left out; 0 if that is every word.
    """
    count = letters.sum(dim=1)
    word = (values * letters).sum(dim=1) / count.clamp_min(1)
    return word.sum() / (count > 0).sum().clamp_min(1)


def over_characters(values: Tensor, letters: Tensor, how: CharacterAverage) -> Tensor:
    """Values (B, L) of characters as one number: their mean over the batch, the mean over words
    of their means, or of their sums (as the paper writes L_id)."""
    if how == "batch":
        return mean_over_characters(values, letters)
    if how == "word":
        return mean_over_words(values, letters)
    return (values * letters).sum() / letters.any(dim=1).sum().clamp_min(1)


# --- L_mask -------------------------------------------------------------------------------------


def denoising(error: Tensor, weight: Tensor, norm: Norm = "mean") -> Tensor:
    """The paper's L_mask, `|| (1 + gamma M_k) (eps - eps_theta) ||^2`.

    Args:
        error: (B, C, H, W).   weight: (B, 1, H, W), `1 + gamma M_k` times the region's weight.
        norm: over channels and cells; the mean over samples either way.
    """
    square = (weight * error).square()
    return square.mean() if norm == "mean" else square.sum(dim=(1, 2, 3)).mean()


def union_weight(masks: Tensor, letters: Tensor, gamma: float) -> Tensor:
    """(B, 1, H, W): `1 + gamma M_k`, `M_k` the union of the word's masks (the paper's L_mask)."""
    union = (masks & letters[:, :, None, None]).any(dim=1, keepdim=True)
    return 1 + gamma * union.float()


def separate_mask(error: Tensor, masks: Tensor, letters: Tensor) -> Tensor:
    """Released code: each character's `err^2 M_i` over the full area, a term beside denoising."""
    square = error.square().mean(dim=1, keepdim=True)  # over channels
    return mean_over_words((square * masks.float()).mean(dim=(-2, -1)), letters)


# --- L_attn -------------------------------------------------------------------------------------


def attention_l2(
    average: Tensor,
    masks: Tensor,
    letters: Tensor,
    norm: Norm = "mean",
    characters: CharacterAverage = "batch",
) -> Tensor:
    """The paper's L_attn, `|| A_i - M_i ||^2` per character.

    Args:
        norm: over the map's cells.   characters: how those of a batch become one number.
    """
    square = (average - masks.float()).square()
    distance = square.mean(dim=(-2, -1)) if norm == "mean" else square.sum(dim=(-2, -1))
    return over_characters(distance, letters, characters)


def attention_max(average: Tensor, masks: Tensor, letters: Tensor) -> Tensor:
    """Released code: `max outside M_i - max inside M_i` of a character's attention."""
    inside = (average * masks.float()).amax(dim=(-2, -1))
    outside = (average * (~masks).float()).amax(dim=(-2, -1))
    return mean_over_words(outside - inside, letters)


# --- L_align and L_id ---------------------------------------------------------------------------


def alignment_cosine(text: Tensor, visual: Tensor) -> Tensor:
    """The paper's L_align, as 1 - cosine similarity of (B, E) embeddings: minimising aligns.

    It does not ask that words be told apart: see `retrieval`, which is logged beside it.
    """
    return (1 - functional.cosine_similarity(text, visual, dim=-1)).mean()


def alignment_infonce(text: Tensor, visual: Tensor, logit_scale: Tensor) -> Tensor:
    """Released code: symmetric InfoNCE over the batch with a learned temperature."""
    similarity = functional.normalize(text, dim=-1) @ functional.normalize(visual, dim=-1).T
    logits = logit_scale.exp() * similarity
    target = torch.arange(len(logits), device=logits.device)
    return (
        functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    ) / 2


def retrieval(text: Tensor, visual: Tensor) -> Tensor:
    """The share of words whose own crop's embedding is the nearest, of (B, E) pairs: no loss."""
    similarity = functional.normalize(text, dim=-1) @ functional.normalize(visual, dim=-1).T
    own = torch.arange(len(similarity), device=similarity.device)
    return (similarity.argmax(dim=1) == own).float().mean()


def classification(
    logits: Tensor, target: Tensor, letters: Tensor, characters: CharacterAverage = "batch"
) -> Tensor:
    """Cross-entropy of (B, L, C) logits against (B, L) classes over the word's characters.

    With character ids it is the paper's L_id, with positions the released code's position loss.
    """
    each = functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
    return over_characters(each, letters, characters)


# --- supervision by ground-truth character masks (section 3, balanced supervision) ---------------


def supervision_tokens(
    average: Tensor,
    coverage: Tensor,
    letters: Tensor,
    has_background: Tensor,
    background_weight: float,
) -> Tensor:
    """Cross-entropy over tokens at every cell, with a gradient to the soft attention.

    Args:
        average: A_bar (B, L, H, W), zero at padding; what the word's characters leave of each
            cell's attention (null or padding tokens) counts as the background's.
        coverage: ground truth (B, L, H, W) in 0..1; the rest of each cell is background.
        has_background: (B,) bool, whether a token is left for the background. Where none is, the
            background is to attend to all characters alike, which is what has no mask.
    """
    background = 1 - coverage.sum(dim=1)
    left = -(1 - average.sum(dim=1)).clamp_min(1e-4).log()
    each = -average.clamp_min(1e-4).log()
    alike = (each * letters[:, :, None, None]).sum(dim=1) / letters.sum(dim=1).clamp_min(1).view(
        -1, 1, 1
    )
    elsewhere = torch.where(has_background[:, None, None], left, alike)
    cells = (coverage * each).sum(dim=1) + background_weight * background * elsewhere
    return mean_over_words(cells.mean(dim=(-2, -1))[:, None], letters.any(dim=1, keepdim=True))


def supervision_pixels(average: Tensor, coverage: Tensor, letters: Tensor) -> Tensor:
    """Cross-entropy over pixels: each character's attention, as a distribution over the image,
    against its ground truth as one."""
    attention = average.flatten(2)
    attention = attention / attention.sum(dim=-1, keepdim=True).clamp_min(1e-8)
    target = coverage.flatten(2)
    target = target / target.sum(dim=-1, keepdim=True).clamp_min(1e-8)
    each = -(target * attention.clamp_min(1e-8).log()).sum(dim=-1)
    return mean_over_characters(each, letters & (coverage.sum(dim=(-2, -1)) > 0))


def supervision_released(masks: Tensor, truth: Tensor, letters: Tensor) -> Tensor:
    """Released code: L1 between *binary* masks: a number to watch, it has no gradient."""
    return mean_over_words((masks.float() - truth.float()).abs().mean(dim=(-2, -1)), letters)
