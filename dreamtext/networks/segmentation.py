"""Character segmentation as a condition, and the segmenter of latents (TextDiffuser, arXiv
2305.10855, section 3.2: character-level segmentation masks, character-aware loss)."""

import torch
from torch import Tensor, nn

from dreamtext import charset
from dreamtext.configs.sections import SegmentationConfig


def class_map(characters: Tensor, tokens: Tensor) -> Tensor:
    """(B, H, W) int64: the character id at every pixel, 0 where none stands.

    Args:
        characters: (B, H, W) uint8, k at pixels of the k-th character.   tokens: (B, L) ids.
    """
    ids = torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1)
    return ids.gather(1, characters.long().flatten(1)).view(characters.shape)


class SegmentationEncoder(nn.Module):
    """(B, H, W) character ids -> (B, K, h, w) channels beside the noisy latent."""

    def __init__(self, config: SegmentationConfig, downscale: int) -> None:
        super().__init__()
        width = config.channels
        self.embedding = nn.Embedding(charset.CLASSES, width)
        self.conv_in = nn.Conv2d(width, 4 * width, downscale, stride=downscale)
        self.mix = nn.Sequential(nn.GELU(), nn.Conv2d(4 * width, width, 3, padding=1))

    def forward(self, classes: Tensor) -> Tensor:
        return self.mix(self.conv_in(self.embedding(classes).permute(0, 3, 1, 2)))


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
