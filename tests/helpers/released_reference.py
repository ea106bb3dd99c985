"""A second, plain implementation of the released layout, to check the importer against.

Written from the layout's own names, with functions of one dictionary of weights instead of
modules. In a dictionary opened with `create`, a weight asked for the first time is drawn at
random, so the same code writes a checkpoint in any size and computes its outputs.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

CHARACTERS = 95


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes in the released configuration's own terms."""

    model_channels: int = 32
    channel_mult: tuple[int, ...] = (1, 2)
    num_res_blocks: int = 1
    attention_resolutions: tuple[int, ...] = (1,)
    num_head_channels: int = 16
    transformer_depth: int = 1
    transformer_depth_middle: int | None = None
    use_linear: bool = True
    emb_dim: int = 32
    text_heads: int = 4
    text_layers: int = 2
    text_feedforward: int = 64
    max_len: int = 12
    z_channels: int = 4
    ch: int = 32
    ch_mult: tuple[int, ...] = (1, 2)
    vae_res_blocks: int = 1
    vae_attention_levels: tuple[int, ...] = ()


class Weights(dict):
    """Named weights; `create` draws the ones that are not there yet."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator, self.create = torch.Generator().manual_seed(seed), True

    def take(self, name: str, *shape: int) -> Tensor:
        if self.create and name not in self:
            noise = torch.randn(shape, generator=self.generator)
            scale = 0.1 if len(shape) < 2 else 1 / math.sqrt(math.prod(shape[1:]))
            offset = 1 if "norm" in name and name.endswith("weight") else 0
            self[name] = offset + scale * noise
        assert tuple(self[name].shape) == shape, (name, self[name].shape, shape)
        return self[name]


def _linear(w: Weights, name: str, x: Tensor, out: int, bias: bool = True) -> Tensor:
    weight = w.take(f"{name}.weight", out, x.shape[-1])
    return F.linear(x, weight, w.take(f"{name}.bias", out) if bias else None)


def _conv(w: Weights, name: str, x: Tensor, out: int, size: int = 3, **more) -> Tensor:
    weight = w.take(f"{name}.weight", out, x.shape[1], size, size)
    return F.conv2d(x, weight, w.take(f"{name}.bias", out), **{"padding": size // 2, **more})


def _group_norm(w: Weights, name: str, x: Tensor, eps: float) -> Tensor:
    width = x.shape[1]
    weight, bias = w.take(f"{name}.weight", width), w.take(f"{name}.bias", width)
    return F.group_norm(x, 32, weight, bias, eps)


def _layer_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    width = x.shape[-1]
    weight, bias = w.take(f"{name}.weight", width), w.take(f"{name}.bias", width)
    return F.layer_norm(x, (width,), weight, bias, 1e-5)


# --- U-Net --------------------------------------------------------------------------------------

U = "model.diffusion_model."


def unet(w: Weights, s: Sizes, x: Tensor, times: Tensor, context: Tensor) -> tuple[Tensor, dict]:
    """The prediction, and every layer's attention (B, T, h, w), averaged over heads."""
    maps: dict[str, Tensor] = {}
    half = s.model_channels // 2
    angles = times[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / half)
    emb = _linear(
        w, f"{U}time_embed.0", torch.cat([angles.cos(), angles.sin()], -1), 4 * s.model_channels
    )
    emb = F.silu(_linear(w, f"{U}time_embed.2", F.silu(emb), 4 * s.model_channels))
    depth = s.transformer_depth
    x = _conv(w, f"{U}input_blocks.0.0", x, s.model_channels)
    kept, number, scale = [x], 1, 1
    for level, mult in enumerate(s.channel_mult):
        for _ in range(s.num_res_blocks):
            name = f"input_blocks.{number}"
            x = _resblock(w, f"{U}{name}.0", x, emb, mult * s.model_channels)
            if scale in s.attention_resolutions:
                x = _transformer(w, s, f"{name}.1", x, context, depth, maps)
            kept.append(x)
            number += 1
        if level + 1 < len(s.channel_mult):
            x = _conv(w, f"{U}input_blocks.{number}.0.op", x, x.shape[1], stride=2)
            kept.append(x)
            number, scale = number + 1, scale * 2
    x = _resblock(w, f"{U}middle_block.0", x, emb, x.shape[1])
    x = _transformer(w, s, "middle_block.1", x, context, s.transformer_depth_middle or depth, maps)
    x = _resblock(w, f"{U}middle_block.2", x, emb, x.shape[1])
    number = 0
    for level, mult in reversed(list(enumerate(s.channel_mult))):
        for block in range(s.num_res_blocks + 1):
            name = f"output_blocks.{number}"
            x = torch.cat([x, kept.pop()], dim=1)
            x, part = _resblock(w, f"{U}{name}.0", x, emb, mult * s.model_channels), 1
            if scale in s.attention_resolutions:
                x, part = _transformer(w, s, f"{name}.1", x, context, depth, maps), 2
            if level and block == s.num_res_blocks:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
                x = _conv(w, f"{U}{name}.{part}.conv", x, x.shape[1])
                scale //= 2
            number += 1
    x = F.silu(_group_norm(w, f"{U}out.0", x, 1e-5))
    return _conv(w, f"{U}out.2", x, s.z_channels), maps


def _resblock(w: Weights, name: str, x: Tensor, emb: Tensor, out: int) -> Tensor:
    h = _conv(w, f"{name}.in_layers.2", F.silu(_group_norm(w, f"{name}.in_layers.0", x, 1e-5)), out)
    h = h + _linear(w, f"{name}.emb_layers.1", emb, out)[:, :, None, None]
    h = F.silu(_group_norm(w, f"{name}.out_layers.0", h, 1e-5))
    h = _conv(w, f"{name}.out_layers.3", h, out)
    same = x.shape[1] == out
    return h + (x if same else _conv(w, f"{name}.skip_connection", x, out, 1))


def _transformer(
    w: Weights, s: Sizes, name: str, x: Tensor, context: Tensor, depth: int, maps: dict
) -> Tensor:
    size, width = x.shape[-2:], x.shape[1]
    h = _group_norm(w, f"{U}{name}.norm", x, 1e-6)
    if s.use_linear:
        h = _linear(w, f"{U}{name}.proj_in", h.flatten(2).mT, width)
    else:
        h = _conv(w, f"{U}{name}.proj_in", h, width, 1).flatten(2).mT
    for number in range(depth):
        part = f"{name}.transformer_blocks.{number}"
        normed = _layer_norm(w, f"{U}{part}.norm1", h)
        h = h + _attention(w, s, f"{U}{part}.attn1", normed, normed)[0]
        normed = _layer_norm(w, f"{U}{part}.t_norm", h)
        change, probabilities = _attention(w, s, f"{U}{part}.t_attn", normed, context)
        maps[f"{part}.t_attn"] = probabilities.mean(dim=1).mT.unflatten(2, size)
        h = h + change
        value, gate = _linear(
            w, f"{U}{part}.ff.net.0.proj", _layer_norm(w, f"{U}{part}.norm3", h), 8 * width
        ).chunk(2, dim=-1)
        h = h + _linear(w, f"{U}{part}.ff.net.2", value * F.gelu(gate), width)
    if s.use_linear:
        return x + _linear(w, f"{U}{name}.proj_out", h, width).mT.unflatten(2, size)
    return x + _conv(w, f"{U}{name}.proj_out", h.mT.unflatten(2, size), width, 1)


def _attention(w: Weights, s: Sizes, name: str, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    width = x.shape[-1]
    query, key, value = (
        _linear(w, f"{name}.to_{part}", source, width, bias=False)
        .unflatten(2, (-1, s.num_head_channels))
        .transpose(1, 2)
        for part, source in (("q", x), ("k", y), ("v", y))
    )
    probabilities = (query @ key.mT / math.sqrt(s.num_head_channels)).softmax(dim=-1)
    mixed = (probabilities @ value).transpose(1, 2).flatten(2)
    return _linear(w, f"{name}.to_out.0", mixed, width), probabilities


# --- character encoder --------------------------------------------------------------------------

T = "conditioner.embedders.0."


def text_encoder(w: Weights, s: Sizes, ids: Tensor) -> Tensor:
    """(B, max_len, D) from ids (B, max_len)."""
    x = F.embedding(ids, w.take(f"{T}label_embedding.weight", CHARACTERS, s.emb_dim))
    x = x + w.take(f"{T}pos_embedding.pe", s.max_len, s.emb_dim)
    for number in range(s.text_layers):
        name = f"{T}encoder.layers.{number}"
        weight = w.take(f"{name}.self_attn.in_proj_weight", 3 * s.emb_dim, s.emb_dim)
        bias = w.take(f"{name}.self_attn.in_proj_bias", 3 * s.emb_dim)
        query, key, value = (
            part.unflatten(2, (s.text_heads, -1)).transpose(1, 2)
            for part in F.linear(x, weight, bias).chunk(3, dim=-1)
        )
        scores = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(dim=-1)
        mixed = (scores @ value).transpose(1, 2).flatten(2)
        mixed = _linear(w, f"{name}.self_attn.out_proj", mixed, s.emb_dim)
        x = _layer_norm(w, f"{name}.norm1", x + mixed)
        hidden = F.relu(_linear(w, f"{name}.linear1", x, s.text_feedforward))
        x = _layer_norm(w, f"{name}.norm2", x + _linear(w, f"{name}.linear2", hidden, s.emb_dim))
    return x


# --- autoencoder --------------------------------------------------------------------------------

A = "first_stage_model."


def encode(w: Weights, s: Sizes, x: Tensor) -> Tensor:
    """The latent mean."""
    x = _conv(w, f"{A}encoder.conv_in", x, s.ch)
    for level, mult in enumerate(s.ch_mult):
        name = f"{A}encoder.down.{level}"
        for block in range(s.vae_res_blocks):
            x = _plain_block(w, f"{name}.block.{block}", x, mult * s.ch)
            if level in s.vae_attention_levels:
                x = _spatial_attention(w, f"{name}.attn.{block}", x)
        if level + 1 < len(s.ch_mult):
            x = F.pad(x, (0, 1, 0, 1))
            x = _conv(w, f"{name}.downsample.conv", x, x.shape[1], stride=2, padding=0)
    x = _middle(w, f"{A}encoder.mid", x)
    x = F.silu(_group_norm(w, f"{A}encoder.norm_out", x, 1e-6))
    x = _conv(w, f"{A}encoder.conv_out", x, 2 * s.z_channels)
    return _conv(w, f"{A}quant_conv", x, 2 * s.z_channels, 1).chunk(2, dim=1)[0]


def decode(w: Weights, s: Sizes, z: Tensor) -> Tensor:
    x = _conv(w, f"{A}post_quant_conv", z, s.z_channels, 1)
    x = _conv(w, f"{A}decoder.conv_in", x, s.ch * s.ch_mult[-1])
    x = _middle(w, f"{A}decoder.mid", x)
    for level, mult in reversed(list(enumerate(s.ch_mult))):
        name = f"{A}decoder.up.{level}"
        for block in range(s.vae_res_blocks + 1):
            x = _plain_block(w, f"{name}.block.{block}", x, mult * s.ch)
            if level in s.vae_attention_levels:
                x = _spatial_attention(w, f"{name}.attn.{block}", x)
        if level:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = _conv(w, f"{name}.upsample.conv", x, x.shape[1])
    x = F.silu(_group_norm(w, f"{A}decoder.norm_out", x, 1e-6))
    return _conv(w, f"{A}decoder.conv_out", x, 3)


def _middle(w: Weights, name: str, x: Tensor) -> Tensor:
    x = _plain_block(w, f"{name}.block_1", x, x.shape[1])
    x = _spatial_attention(w, f"{name}.attn_1", x)
    return _plain_block(w, f"{name}.block_2", x, x.shape[1])


def _plain_block(w: Weights, name: str, x: Tensor, out: int) -> Tensor:
    h = _conv(w, f"{name}.conv1", F.silu(_group_norm(w, f"{name}.norm1", x, 1e-6)), out)
    h = _conv(w, f"{name}.conv2", F.silu(_group_norm(w, f"{name}.norm2", h, 1e-6)), out)
    return h + (x if x.shape[1] == out else _conv(w, f"{name}.nin_shortcut", x, out, 1))


def _spatial_attention(w: Weights, name: str, x: Tensor) -> Tensor:
    width = x.shape[1]
    normed = _group_norm(w, f"{name}.norm", x, 1e-6)
    query, key, value = (
        _conv(w, f"{name}.{part}", normed, width, 1).flatten(2).mT for part in "qkv"
    )
    mixed = (query @ key.mT / math.sqrt(width)).softmax(dim=-1) @ value
    return x + _conv(w, f"{name}.proj_out", mixed.mT.unflatten(2, x.shape[-2:]), width, 1)


# --- the whole ----------------------------------------------------------------------------------


@torch.no_grad()
def checkpoint(s: Sizes, seed: int) -> tuple[Weights, dict[str, Tensor], dict[str, Tensor]]:
    """Random weights in these sizes, inputs, and the outputs that belong to them."""
    weights, generator = Weights(seed), torch.Generator().manual_seed(seed + 1)
    side = 2 ** len(s.channel_mult) * 4
    ids = torch.zeros(2, s.max_len, dtype=torch.long)
    ids[0, :2] = torch.tensor([1, 94])
    ids[1, :1] = 40
    given = {
        "x": torch.randn(2, 2 * s.z_channels + 1, side, side, generator=generator),
        "times": torch.tensor([0, 777]),
        "ids": ids,
        "image": torch.randn(1, 3, 32, 32, generator=generator),
    }
    context = text_encoder(weights, s, given["ids"])
    prediction, maps = unet(weights, s, given["x"], given["times"], context)
    latent = encode(weights, s, given["image"])
    found = {"context": context, "prediction": prediction, "latent": latent}
    found |= {"picture": decode(weights, s, latent)}
    weights.create = False
    return weights, given, found | maps
