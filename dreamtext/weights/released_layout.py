"""The released checkpoint's parameter names beside ours, and the sizes its shapes tell.

The released layout is the original latent-diffusion one, with the text cross-attention named
`t_attn` / `t_norm`; ours is diffusers'. Names are translated one by one, from our model to the
released layout, so that import and export are the same table read in two directions.
"""

import re

from dreamtext import charset
from dreamtext.configs.sections import AutoencoderConfig, TextEncoderConfig, UNetConfig
from dreamtext.errors import RunError
from dreamtext.weights.files import Shapes

UNET = "model.diffusion_model."
TEXT = "conditioner.embedders.0."
AUTOENCODER = "first_stage_model."
MASKED = "conditioner.embedders.2.model."  # the same autoencoder again, for the masked image
SIGMAS = "denoiser.sigmas"  # the noise schedule, which our configuration names

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTER = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_HEADS = {
    "text.": "text_head.1.",
    "text_mix.": "text_head.2.",
    "visual.": "visual_head.1.",
    "visual_mix.": "visual_head.2.",
    "identity.0.": "cls_head.1.",
    "identity.2.": "cls_head.3.",
    "position.": "pos_head.1.",
    "logit_scale": "logit_scale",
}
_LINEAR_ATTENTION = re.compile(r"mid\.attn_1\.(q|k|v|proj_out)\.weight|attn\.\d+\.(q|k|v|proj_out)")


# --- our names -> released names ----------------------------------------------------------------


def unet_name(name: str, config: UNetConfig) -> str:
    """The released name of a parameter of our U-Net."""
    module, leaf = name.rsplit(".", 1)
    if module in _OUTER:
        return f"{_OUTER[module]}.{leaf}"
    per_level = config.layers_per_block + 1
    match = re.match(r"(down|up|mid)_blocks?\.(?:(\d+)\.)?(resnets|attentions|\w+)\.(\d+)\.", name)
    if match is None:
        raise ValueError(f"no released name for the U-Net's {name}")
    side, level, kind, place = match.groups()
    rest, block, index = name[match.end() :], int(level or 0), int(place)
    if side == "mid":
        target = "middle_block.1" if kind == "attentions" else f"middle_block.{2 * index}"
    elif kind == "downsamplers":
        return f"input_blocks.{(block + 1) * per_level}.0.{rest.replace('conv', 'op')}"
    elif kind == "upsamplers":
        attends = config.attention[len(config.widths) - 1 - block]
        return f"output_blocks.{(block + 1) * per_level - 1}.{2 if attends else 1}.{rest}"
    else:
        first = 1 if side == "down" else 0
        whole = "input_blocks" if side == "down" else "output_blocks"
        number = first + block * per_level + index
        target = f"{whole}.{number}.{0 if kind == 'resnets' else 1}"
    if kind == "resnets":
        part, leaf = rest.rsplit(".", 1)
        return f"{target}.{_RESNET[part]}.{leaf}"
    rest = rest.replace(".attn2.", ".t_attn.").replace(".norm2.", ".t_norm.")
    return f"{target}.{rest}"


def autoencoder_name(name: str, levels: int) -> str:
    """The released name of a parameter of our KL autoencoder."""
    name = re.sub(r"up_blocks\.(\d+)", lambda m: f"up.{levels - 1 - int(m[1])}", name)
    name = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("down_blocks", "down")
    name = name.replace(".resnets.", ".block.").replace(".attentions.", ".attn.")
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    name = re.sub(r"(down|up)samplers\.0", r"\1sample", name)
    name = name.replace(".group_norm.", ".norm.").replace(".to_out.0.", ".proj_out.")
    return re.sub(r"\.to_([qkv])\.", r".\1.", name)


def released_names(ours: Shapes, unet: UNetConfig, levels: int) -> dict[str, tuple[str, tuple]]:
    """For each of our parameters that the layout holds: its released name and shape there.

    Args:
        ours: shapes by name, as in `DreamText.state_dict()`.   levels: of the autoencoder.
    """
    found: dict[str, tuple[str, tuple]] = {}
    for name, shape in ours.items():
        part, _, rest = name.partition(".")
        if part == "unet":
            found[name] = UNET + unet_name(rest, unet), shape
        elif part == "autoencoder":
            released = autoencoder_name(rest, levels)
            # The original keeps the linear maps of its attention as 1 x 1 convolutions.
            wide = _LINEAR_ATTENTION.search(released) and released.endswith("weight")
            found[name] = AUTOENCODER + released, (*shape, 1, 1) if wide else shape
        elif part == "text_encoder":
            renamed = {
                "embedding.weight": "label_embedding.weight",
                "positions": "pos_embedding.pe",
            }
            found[name] = TEXT + renamed.get(rest, rest), shape
        elif part == "heads":
            start = next(start for start in _HEADS if rest.startswith(start))
            found[name] = TEXT + _HEADS[start] + rest.removeprefix(start), shape
        elif name.startswith("glyph_encoder.vit."):
            found[name] = TEXT + "visual_encoder." + name.removeprefix("glyph_encoder.vit."), shape
    return found


# --- sizes from shapes --------------------------------------------------------------------------


def _shape(shapes: Shapes, name: str) -> tuple[int, ...]:
    if name not in shapes:
        raise RunError(
            f"this file is not in the released layout or is incomplete: missing {name}; expected "
            f"parameters under {UNET}, {TEXT} and {AUTOENCODER}"
        )
    return shapes[name]


def _count(shapes: Shapes, start: str) -> int:
    """How many numbered parts follow `start`, counted from 0 without a gap."""
    found = {
        int(rest.partition(".")[0])
        for name in shapes
        if name.startswith(start) and (rest := name[len(start) :]).partition(".")[0].isdigit()
    }
    count = 0
    while count in found:
        count += 1
    return count


def unet_sizes(shapes: Shapes, latent_channels: int, head_channels: int) -> UNetConfig:
    """The U-Net's sizes; `head_channels` is the width of one attention head.

    Raises:
        RunError: a level is not uniform, or a width is not a multiple of `head_channels`.
    """
    given = _shape(shapes, f"{UNET}input_blocks.0.0.weight")[1]
    levels: list[list[tuple[int, int]]] = [[]]  # per block: width, transformer depth
    for number in range(1, _count(shapes, f"{UNET}input_blocks.")):
        start = f"{UNET}input_blocks.{number}."
        if f"{start}0.op.weight" in shapes:
            levels.append([])
            continue
        width = _shape(shapes, f"{start}0.out_layers.3.weight")[0]
        levels[-1].append((width, _count(shapes, f"{start}1.transformer_blocks.")))
    if len({len(level) for level in levels}) > 1 or any(len(set(level)) != 1 for level in levels):
        raise RunError(
            "the U-Net's levels differ in their number of blocks, or a level's blocks differ in "
            f"width or depth, which this model cannot express: (width, depth) are {levels}"
        )
    widths = tuple(level[0][0] for level in levels)
    depths = tuple(level[0][1] for level in levels)
    middle = f"{UNET}middle_block.1."
    middle_depth = _count(shapes, f"{middle}transformer_blocks.")
    projection = _shape(shapes, f"{middle}proj_in.weight")
    attended = {w for w, d in zip(widths, depths, strict=True) if d} | {widths[-1]}
    if head_channels < 1 or any(width % head_channels for width in attended):
        raise RunError(
            f"widths {sorted(attended)} are not multiples of unet_head_channels={head_channels}; "
            "give the width of one attention head (64 in the released model)"
        )
    depths = tuple(depth or 1 for depth in depths)
    attention = tuple(level[0][1] > 0 for level in levels)
    return UNetConfig(
        widths=widths,
        layers_per_block=len(levels[0]),
        heads=tuple(max(1, width // head_channels) for width in widths),
        attention=attention,
        norm_groups=32,  # fixed in the original
        linear_projection=len(projection) == 2,
        coordinates=given == 2 * latent_channels + 1 + 4,
        coordinate_octaves=0,
        depths=() if set(depths) == {1} else depths,
        middle_depth=0 if middle_depth == depths[-1] else middle_depth,
    )


def text_sizes(shapes: Shapes, heads: int) -> tuple[TextEncoderConfig, int]:
    """The character encoder's sizes, and how many characters a word may have.

    Raises:
        RunError: it knows other characters than this project.
    """
    classes, width = _shape(shapes, f"{TEXT}label_embedding.weight")
    if classes != charset.CLASSES:
        raise RunError(
            f"the character encoder knows {classes} classes; expected {charset.CLASSES} (padding "
            f"and {charset.CLASSES - 1} characters)"
        )
    config = TextEncoderConfig(
        width=width,
        layers=_count(shapes, f"{TEXT}encoder.layers."),
        heads=heads,
        feedforward=_shape(shapes, f"{TEXT}encoder.layers.0.linear1.weight")[0],
        dropout=0.1,
        null_token=False,
        mask_padding=False,
    )
    return config, _shape(shapes, f"{TEXT}pos_embedding.pe")[0]


def autoencoder_sizes(shapes: Shapes) -> AutoencoderConfig:
    """The KL autoencoder's sizes."""
    down = f"{AUTOENCODER}encoder.down."
    levels = _count(shapes, down)
    widths = tuple(
        _shape(shapes, f"{down}{level}.block.0.conv1.weight")[0] for level in range(levels)
    )
    stem = _shape(shapes, f"{AUTOENCODER}encoder.conv_in.weight")[0]
    if not widths:
        _shape(shapes, f"{down}0.block.0.conv1.weight")
    attention = tuple(_count(shapes, f"{down}{level}.attn.") > 0 for level in range(levels))
    return AutoencoderConfig(
        kind="kl",
        channels=_shape(shapes, f"{AUTOENCODER}post_quant_conv.weight")[1],
        downscale=2 ** (levels - 1),
        scaling_factor=0.18215,  # Stable Diffusion's
        widths=widths,
        layers_per_block=_count(shapes, f"{down}0.block."),
        stem=0 if stem == widths[0] else stem,
        attention=attention if any(attention) else (),
    )
