"""Records the U-Net's cross-attention, one map per character token, while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Maps = dict[str, Tensor]


def text_attention(unet: nn.Module) -> dict[str, Any]:
    """The cross-attention modules of a diffusers U-Net, by name, in tree order."""
    return {
        name: module
        for name, module in unet.named_modules()
        if name.endswith(".attn2") and hasattr(module, "get_attention_scores")
    }


class AttentionRecorder:
    """Replaces the cross-attention's processor by one that can keep its probabilities.

    Kept maps are reduced over heads as soon as they are made: (B, T, h, w) float32 per layer.
    """

    def __init__(self, unet: nn.Module) -> None:
        self._kept: Maps | None = None
        self._latent_size = (0, 0)
        for name, module in text_attention(unet).items():
            module.set_processor(_Processor(self, name.removesuffix(".attn2")))

    @contextmanager
    def recording(self, latent_size: tuple[int, int]) -> Iterator[Maps]:
        """Within it, every forward pass of the U-Net on latents of that (H, W) fills the maps."""
        self._kept, self._latent_size = {}, latent_size
        try:
            yield self._kept
        finally:
            self._kept = None

    def keep(self, layer: str, probabilities: Tensor, heads: int) -> None:
        """Take (B * heads, N, T) probabilities of a layer, if recording."""
        if self._kept is None:
            return
        mean = probabilities.float().unflatten(0, (-1, heads)).mean(dim=1)
        self._kept[layer] = mean.transpose(1, 2).unflatten(2, self._grid(mean.shape[1]))

    def _grid(self, pixels: int) -> tuple[int, int]:
        height, width = self._latent_size
        while height * width > pixels:  # each level halves both sides, rounding up
            height, width = (height + 1) // 2, (width + 1) // 2
        return height, width


def keep_self_attention_full(unet: nn.Module) -> None:
    """Let the self-attention of a diffusers U-Net run in float32 whatever precision is around it;
    its projections do not."""
    for name, module in unet.named_modules():
        if name.endswith(".attn1"):
            module.set_processor(_FullPrecision())


class _FullPrecision:
    """diffusers' self-attention; queries, keys and values meet in float32."""

    def __call__(self, attn: Any, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
        query, key, value = (
            project(hidden_states).unflatten(2, (attn.heads, -1)).transpose(1, 2).float()
            for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        with torch.autocast(hidden_states.device.type, enabled=False):
            attended = functional.scaled_dot_product_attention(query, key, value)
        return attn.to_out[1](attn.to_out[0](attended.transpose(1, 2).flatten(2)))


class _Processor:
    """diffusers' plain attention with the probabilities handed to the recorder.

    With a dozen tokens the explicit softmax is as cheap as a fused kernel; self-attention, where
    fused kernels matter, keeps diffusers' default processor.
    """

    def __init__(self, recorder: AttentionRecorder, layer: str) -> None:
        self.recorder, self.layer = recorder, layer

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        batch, _pixels, _width = hidden_states.shape
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if attention_mask is not None:
            attention_mask = attn.prepare_attention_mask(attention_mask, context.shape[1], batch)
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(context))
        value = attn.head_to_batch_dim(attn.to_v(context))
        probabilities = attn.get_attention_scores(query, key, attention_mask)
        self.recorder.keep(self.layer, probabilities, attn.heads)
        hidden = attn.batch_to_head_dim(probabilities @ value)
        return attn.to_out[1](attn.to_out[0](hidden))
