"""Character segmentation as a condition, and the segmenter that judges latents (TextDiffuser,
arXiv 2305.10855, section 3.2: character-level segmentation masks, character-aware loss)."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from dreamtext import charset
from dreamtext.configs.sections import SegmentationConfig
from dreamtext.data.embedded import typesetting
from dreamtext.data.sample import Batch
from dreamtext.objective.masks import ground_truth_masks

_FACE = "Roboto-Black"  # TextDiffuser sets every word in one face, whatever the picture's
_STRETCH = 1.35


def class_map(characters: Tensor, tokens: Tensor) -> Tensor:
    """(B, H, W) int64: the character id at every pixel, 0 where none stands.

    Args:
        characters: (B, H, W) uint8, k at pixels of the k-th character.   tokens: (B, L) ids.
    """
    ids = torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1)
    return ids.gather(1, characters.long().flatten(1)).view(characters.shape)


def cell_classes(characters: Tensor, tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, h, w) int64: the character id of every latent cell, 0 for background."""
    masks = ground_truth_masks(characters, tokens.shape[1], size)
    return (masks * tokens[:, :, None, None]).amax(dim=1)


def laid_out(batch: Batch) -> Batch:
    """The batch with its words typeset in their regions in place of its real segmentation."""
    regions = batch.region.squeeze(1).cpu().numpy() > 0.5
    words = [charset.decode(row) for row in batch.tokens.tolist()]
    maps = [lay_out(word, region) for word, region in zip(words, regions, strict=True)]
    characters = torch.from_numpy(np.stack(maps)).to(batch.characters)
    return replace(batch, characters=characters)


def lay_out(word: str, region: np.ndarray) -> np.ndarray:
    """(H, W) uint8: k where the word's k-th character stands when set in the region's box."""
    rows, columns = np.nonzero(region)
    margin = max(1.0, 0.03 * region.shape[0])  # as the embedded world leaves around its words
    x0, y0 = columns.min() + margin, rows.min() + margin
    x1 = max(columns.max() + 1 - margin, x0 + 1)
    y1 = max(rows.max() + 1 - margin, y0 + 1)
    quad = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    coverage = typesetting.typeset(word, quad, region.shape, face=_FACE, stretch=_STRETCH)
    return typesetting.index_map(coverage)


class LayoutEncoder(nn.Module):
    """(B, H, W) character ids -> (B, K, h, w) channels beside the noisy latent."""

    def __init__(self, config: SegmentationConfig, downscale: int) -> None:
        super().__init__()
        width = config.channels
        self.embedding = nn.Embedding(charset.CLASSES, width)
        self.conv_in = nn.Conv2d(width, 4 * width, downscale, stride=downscale)
        self.mix = nn.Sequential(nn.GELU(), nn.Conv2d(4 * width, width, 3, padding=1))

    def forward(self, layout: Tensor) -> Tensor:
        return self.mix(self.conv_in(self.embedding(layout).permute(0, 3, 1, 2)))


class Segmenter(nn.Module):
    """Latents (B, C, h, w) -> (B, 95, h, w) logits of the character at every cell."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=2, dilation=2),
            nn.GELU(),
            nn.Conv2d(width, charset.CLASSES, 3, padding=1),
        )

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents)
