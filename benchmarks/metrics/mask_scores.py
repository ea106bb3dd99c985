"""Scores of character masks and of the attention they come from: pure functions of tensors.

Masks are (..., H, W) bool, maps (..., H, W) floats; a score is (...,), NaN where there is no truth
to compare with. An empty mask beside a truth has precision, recall and F of 0: nothing was found.
"""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d


def precision(predicted: Tensor, truth: Tensor) -> Tensor:
    """Share of the mask's cells that are true."""
    return _fraction(predicted & truth, predicted, truth)


def recall(predicted: Tensor, truth: Tensor) -> Tensor:
    """Share of the true cells that the mask holds."""
    return _fraction(predicted & truth, truth, truth)


def boundary_f(predicted: Tensor, truth: Tensor, reach: int = 1) -> Tensor:
    """F of the masks' borders, each cell of one within `reach` cells of the other's counting as
    met (Martin et al. 2004; the F of the DAVIS benchmark)."""
    own, real = border(predicted), border(truth)
    p = _fraction(own & grown(real, reach), own, truth)
    r = _fraction(real & grown(own, reach), real, truth)
    return torch.where(p + r == 0, 0.0, 2 * p * r / (p + r))


def average_precision(maps: Tensor, truth: Tensor) -> Tensor:
    """Area under the precision-recall steps of a map's cells ranked by value: 1 where every true
    cell exceeds every other, the share of true cells where the map says nothing.

    Equal cells stand or fall together, as in scikit-learn and torchmetrics.
    """
    values, order = maps.flatten(-2).sort(dim=-1, descending=True)
    hits = truth.flatten(-2).gather(-1, order).double().cumsum(-1)
    counts = torch.arange(1, values.shape[-1] + 1, device=maps.device)
    last = torch.ones_like(values, dtype=torch.bool)  # of the cells that share a value
    last[..., :-1] = values[..., :-1] != values[..., 1:]
    reached = torch.where(last, hits, 0).cummax(-1).values
    gained = reached - torch.nn.functional.pad(reached, (1, 0))[..., :-1]
    total = hits[..., -1]
    area = (torch.where(last, hits / counts, 0) * gained).sum(-1)
    return area / torch.where(total == 0, torch.nan, total)


def mass_inside(maps: Tensor, truth: Tensor) -> Tensor:
    """Share of a map's mass that lies on true cells; 0 for a map without mass."""
    whole = maps.double().sum((-2, -1))
    inside = (maps.double() * truth).sum((-2, -1))
    share = torch.where(whole > 0, inside / torch.where(whole > 0, whole, 1), 0)
    return torch.where(truth.flatten(-2).any(-1), share, torch.nan)


def border(masks: Tensor) -> Tensor:
    """The cells of masks that have one of their four neighbours outside, the frame's edge not
    being one (scikit-image's inner boundaries)."""
    padded = torch.nn.functional.pad(masks.float(), (1, 1, 1, 1), value=1) > 0
    inner = (
        padded[..., :-2, 1:-1]
        & padded[..., 2:, 1:-1]
        & padded[..., 1:-1, :-2]
        & padded[..., 1:-1, 2:]
    )
    return masks & ~inner


def grown(masks: Tensor, reach: int) -> Tensor:
    """Masks with all cells within `reach` rows and columns added."""
    flat = masks.float().reshape(-1, 1, *masks.shape[-2:])
    return (max_pool2d(flat, 2 * reach + 1, stride=1, padding=reach) > 0).reshape(masks.shape)


def _fraction(part: Tensor, whole: Tensor, truth: Tensor) -> Tensor:
    count = whole.sum((-2, -1)).double()
    share = part.sum((-2, -1)) / count.clamp(min=1)
    return torch.where(truth.flatten(-2).any(-1), share, torch.nan)
