"""The character encoder psi: one embedding per character, mixed by a transformer (arXiv
2405.14701, section 3; its sizes are the released code's)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dreamtext import charset
from dreamtext.configs.sections import TextEncoderConfig


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """(length, width): sines at even and cosines at odd places (Vaswani et al. 2017, 3.5)."""
    position = torch.arange(length, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width))
    table = torch.zeros(length, width)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)
    return table


class TextEncoder(nn.Module):
    """Words -> (B, T, D) character tokens; T is `max_length`, one more with a null token.

    The null token, when configured, comes last: it is what a background pixel may attend to.
    """

    def __init__(self, config: TextEncoderConfig, max_length: int = 12) -> None:
        super().__init__()
        self.config, self.max_length = config, max_length
        self.embedding = nn.Embedding(charset.CLASSES, config.width)
        self.register_buffer("positions", sinusoidal_positions(max_length, config.width))
        layer = nn.TransformerEncoderLayer(
            d_model=config.width,
            nhead=config.heads,
            dim_feedforward=config.feedforward,
            dropout=config.dropout,
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.null = nn.Parameter(torch.randn(config.width) * 0.5) if config.null_token else None

    def tokens(self, words: Sequence[str]) -> Tensor:
        """(B, max_length) int64 ids of words, on the encoder's device."""
        rows = [charset.encode(word, self.max_length) for word in words]
        return torch.tensor(rows, device=self.embedding.weight.device)

    def attention_mask(self, tokens: Tensor) -> Tensor | None:
        """(B, T) bool, True where the U-Net may attend; None when it may attend anywhere."""
        if not self.config.mask_padding:
            return None
        keep = tokens != charset.PADDING
        if self.null is not None:
            keep = torch.cat([keep, keep.new_ones(len(keep), 1)], dim=1)
        return keep

    def has_background(self, tokens: Tensor) -> Tensor:
        """(B,) bool: whether a token that is no letter of the word is open to attention."""
        if self.null is not None:
            return torch.ones_like(tokens[:, 0], dtype=torch.bool)
        padded = (tokens == charset.PADDING).any(dim=1)
        return padded & (not self.config.mask_padding)

    def forward(self, words: Sequence[str] | Tensor) -> Tensor:
        """(B, T, D) from words or from their (B, max_length) ids."""
        tokens = words if isinstance(words, Tensor) else self.tokens(words)
        padding = tokens == charset.PADDING if self.config.mask_padding else None
        placed = functional.dropout(
            self.embedding(tokens) + self.positions, self.config.position_dropout, self.training
        )
        encoded = self.encoder(placed, src_key_padding_mask=padding)
        if self.null is not None:
            null = self.null.expand(len(encoded), 1, -1)
            encoded = torch.cat([encoded, null], dim=1)
        return encoded
