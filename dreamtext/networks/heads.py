"""Heads that training hangs on the encoders: alignment, character identity, position (arXiv
2405.14701, section 3: `H_t`, `H_v`, `H_l`)."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from dreamtext import charset


class AlignmentHeads(nn.Module):
    """`H_t` and `H_v` bring both encoders to one space, `H_l` names characters, `H_p` positions.

    Each of `H_t`, `H_v` is a linear map per token and a learned mix of the tokens into one.
    """

    def __init__(
        self,
        *,
        text_width: int,
        visual_width: int,
        visual_tokens: int,
        length: int,
        norm: Literal["none", "token"] = "none",
    ) -> None:
        super().__init__()
        self.norm = norm
        shared = max(text_width // 2, 1)
        self.text = nn.Linear(text_width, shared, bias=False)
        self.text_mix = nn.Conv1d(length, 1, 1)
        self.visual = nn.Linear(visual_width, shared, bias=False)
        self.visual_mix = nn.Conv1d(visual_tokens, 1, 1)
        self.identity = nn.Sequential(
            nn.Linear(text_width, text_width), nn.GELU(), nn.Linear(text_width, charset.CLASSES)
        )
        self.position = nn.Linear(text_width, length, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def embed_text(self, characters: Tensor) -> Tensor:
        """(B, L, D) -> (B, E)."""
        return self.text_mix(self.text(self._normed(characters))).squeeze(1)

    def embed_visual(self, features: Tensor) -> Tensor:
        """(B, T, F) -> (B, E)."""
        return self.visual_mix(self.visual(self._normed(features))).squeeze(1)

    def identity_logits(self, characters: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, 95) logits of each character's identity."""
        return self.identity(self._normed(characters))

    def position_logits(self, characters: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, L) logits of each character's position."""
        return self.position(self._normed(characters))

    def _normed(self, tokens: Tensor) -> Tensor:
        return functional.layer_norm(tokens, tokens.shape[-1:]) if self.norm == "token" else tokens
