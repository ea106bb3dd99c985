"""Attention maps -> latent character masks (arXiv 2405.14701, section 3: resized, blurred and
averaged over layers, then above the mean by two standard deviations)."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dreamtext.configs.sections import MaskConfig
from dreamtext.errors import UserError


@lru_cache(maxsize=64)
def blur_matrix(size: int, kernel: int, sigma: float, border: str) -> np.ndarray:
    """(size, size) float32 that blurs a row of pixels with a Gaussian of odd `kernel` length.

    With a symmetric border (the image mirrored at its edge) rows and columns each sum to 1, so
    blurring keeps a map's mass; with a zero border, mass leaks out at the edges.
    """
    reach = kernel // 2
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights = weights / weights.sum()
    matrix = np.zeros((size, size))
    for offset, weight in zip(offsets, weights, strict=True):
        for row in range(size):
            column = row + offset
            if border == "symmetric":
                column %= 2 * size
                column = min(column, 2 * size - 1 - column)
            if 0 <= column < size:
                matrix[row, column] += weight
    return matrix.astype(np.float32)


_ON_DEVICE: dict[tuple, Tensor] = {}


def _blur_on_device(maps: Tensor, size: int, kernel: int, sigma: float, border: str) -> Tensor:
    """The blur matrix in the maps' type on their device, brought there once."""
    key = (size, kernel, sigma, border, maps.device, maps.dtype)
    if key in _ON_DEVICE:
        return _ON_DEVICE[key]
    matrix = torch.as_tensor(blur_matrix(size, kernel, sigma, border)).to(maps)
    if type(matrix) is Tensor:  # a tensor without data belongs to one plan alone
        _ON_DEVICE[key] = matrix
    return matrix


def blur(maps: Tensor, kernel: int, sigma: float, border: str = "symmetric") -> Tensor:
    """Gaussian blur of (..., H, W) maps; `kernel` is odd and in pixels, as is `sigma`."""
    if kernel == 1:
        return maps
    rows = _blur_on_device(maps, maps.shape[-2], kernel, sigma, border)
    columns = _blur_on_device(maps, maps.shape[-1], kernel, sigma, border)
    return rows @ maps @ columns.T


def large_layers(maps: Mapping[str, Tensor], config: MaskConfig) -> dict[str, Tensor]:
    """The layers (B, T, h, w) whose smaller side is at least `masks.min_size`.

    Raises:
        UserError: none is.
    """
    used = {name: m for name, m in maps.items() if min(m.shape[-2:]) >= config.min_size}
    if not used:
        sizes = sorted({tuple(m.shape[-2:]) for m in maps.values()})
        raise UserError(
            f"no attention layer has a side of at least masks.min_size={config.min_size} (layers: "
            f"{sizes}); lower masks.min_size or enlarge the images"
        )
    return used


def blurred_layers(maps: Mapping[str, Tensor], config: MaskConfig) -> dict[str, Tensor]:
    """Each large layer's attention (B, T, h, w), blurred at its own size.

    Raises:
        UserError: no layer is as large as `config.min_size`.
    """
    return {
        name: blur(layer, config.blur_kernel, config.blur_sigma, config.border)
        for name, layer in large_layers(maps, config).items()
    }


def average_attention(maps: Mapping[str, Tensor], config: MaskConfig) -> Tensor:
    """A_bar (B, T, H, W): each layer's (B, T, h, w) resized, blurred and averaged over layers.

    Raises:
        UserError: no layer is as large as `config.min_size`.
    """
    used = list(large_layers(maps, config).values())
    size = (config.height, config.width)
    total = torch.zeros((), device=used[0].device)
    for layer in used:
        if layer.shape[-2:] != size:
            exact = {} if config.resize == "nearest" else {"align_corners": False}
            layer = functional.interpolate(layer, size, mode=config.resize, **exact)
        total = total + layer
    # Blurring is linear, so the mean is blurred once instead of every layer.
    return blur(total / len(used), config.blur_kernel, config.blur_sigma, config.border)


_ROUNDINGS = 100  # how many of a map's roundings a deviation must exceed to be one


def threshold(maps: Tensor, deviations: float) -> Tensor:
    """(..., H, W) bool: above the map's own mean + `deviations` x its (unbiased) std.

    A map that is uniform up to rounding has an empty mask: without that, rounding alone puts a
    constant above its own mean, and every cell is marked.
    """
    mean = maps.mean(dim=(-2, -1), keepdim=True)
    std = maps.std(dim=(-2, -1), keepdim=True)
    rounding = torch.finfo(maps.dtype).eps * maps.abs().amax(dim=(-2, -1), keepdim=True)
    return (maps > mean + deviations * std) & (std > _ROUNDINGS * rounding)


def word_rows(maps: Tensor, tokens: Tensor) -> Tensor:
    """The (B, L, H, W) rows of a word's characters; padding's rows are zero, null is left out."""
    length = tokens.shape[1]
    return maps[:, :length] * (tokens != 0)[:, :, None, None]


def latent_character_masks(average: Tensor, tokens: Tensor, config: MaskConfig) -> Tensor:
    """M (B, L, H, W) bool from A_bar (B, T, H, W) and character ids (B, L); held without gradient.

    `M_i = 1[A_bar_i > mean(A_bar_i) + 2 std(A_bar_i)]`; padding tokens never have a mask.
    """
    rows = average.detach()[:, : tokens.shape[1]]
    return threshold(rows, config.threshold_std) & (tokens != 0)[:, :, None, None]


def character_coverage(characters: Tensor, length: int, size: tuple[int, int]) -> Tensor:
    """Ground truth (B, L, H, W) in 0..1: the share of a cell's pixels that a character covers.

    Args:
        characters: (B, h, w) uint8, k at pixels of the k-th character, 0 elsewhere.
    """
    numbers = torch.arange(1, length + 1, device=characters.device, dtype=characters.dtype)
    masks = (characters[:, None] == numbers[:, None, None]).float()
    return functional.adaptive_avg_pool2d(masks, size)


def ground_truth_masks(characters: Tensor, length: int, size: tuple[int, int]) -> Tensor:
    """Ground truth (B, L, H, W) bool at latent size.

    A cell belongs to the character covering most of it, if that covers at least half as much of
    it as of the character's best cell: strokes are thinner than a latent cell.
    """
    coverage = character_coverage(characters, length, size)
    best = coverage.amax(dim=(-2, -1), keepdim=True)
    first = coverage == coverage.amax(dim=1, keepdim=True)
    return (coverage > 0) & first & (coverage >= 0.5 * best)


def intersection_over_union(predicted: Tensor, truth: Tensor) -> Tensor:
    """(B, L) IoU of bool masks (B, L, H, W); NaN where both are empty."""
    intersection = (predicted & truth).sum(dim=(-2, -1)).float()
    union = (predicted | truth).sum(dim=(-2, -1)).float()
    return intersection / torch.where(union == 0, torch.nan, union)


def share_inside(characters: Tensor, truth: Tensor) -> Tensor:
    """(B, L): the share of each character's attention (B, L, H, W) that lies inside its true mask
    (bool, same shape); NaN where it has none."""
    whole = characters.sum(dim=(-2, -1))
    share = (characters * truth).sum(dim=(-2, -1)) / whole.clamp_min(1e-12)
    return torch.where(truth.any(dim=-1).any(dim=-1), share, torch.nan)
