"""Reading and writing whole checkpoints in the released layout (UDiffText's is the same)."""

import warnings
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from dreamtext.configs.paper import paper
from dreamtext.configs.sections import Config, ModelConfig
from dreamtext.errors import UserError
from dreamtext.files import written_whole
from dreamtext.networks.model import DreamText
from dreamtext.weights import released_layout as layout
from dreamtext.weights.files import Shapes, read_tensors, refuse_mismatch, shapes_of

_TRAINING = ("heads.", "glyph_encoder.")  # what only a training checkpoint holds


def configuration(shapes: Shapes, text_heads: int, unet_head_channels: int) -> Config:
    """The `paper` preset in the sizes that a released checkpoint's shapes tell.

    Raises:
        RunError: the file is not in the released layout, or in sizes that cannot be expressed.
    """
    autoencoder = layout.autoencoder_sizes(shapes)
    text, max_length = layout.text_sizes(shapes, text_heads)
    unet = layout.unet_sizes(shapes, autoencoder.channels, unet_head_channels)
    base = paper()
    return replace(
        base,
        data=replace(base.data, max_length=max_length),
        model=ModelConfig(text=text, glyph=base.model.glyph, autoencoder=autoencoder, unet=unet),
    )


def names(config: Config, *, training: bool) -> dict[str, tuple[str, tuple[int, ...]]]:
    """For each of our parameters: its released name and shape there; nothing is allocated.

    Args:
        training: with the heads and the image encoder that only training needs.
    """
    with torch.device("meta"):
        ours = shapes_of(DreamText(config).state_dict())
    kept = {n: s for n, s in ours.items() if training or not n.startswith(_TRAINING)}
    return layout.released_names(kept, config.model.unet, len(config.model.autoencoder.widths))


def import_released(
    path: str | Path, text_heads: int = 8, unet_head_channels: int = 64
) -> DreamText:
    """A model from a checkpoint in the released layout, in float32 and ready to paint.

    Every size but two comes from the file.

    Args:
        path: a local `.safetensors`, `.ckpt` or `.pt`; read as plain tensors only.
        text_heads: attention heads of the character encoder.
        unet_head_channels: width of one attention head of the U-Net.

    Raises:
        UserError: no such file, or head counts that do not divide the file's widths.
        RunError: the file is damaged, of another model, or has missing, extra or misshapen
            parameters (listed).
    """
    tensors = read_tensors(path)
    given = shapes_of(tensors)
    config = configuration(given, text_heads, unet_head_channels)
    training = f"{layout.TEXT}logit_scale" in given
    table = names(config, training=training)
    expected = dict(table.values()) | _optional(dict(table.values()), given)
    # The linear maps of the autoencoder's attention may be stored as such.
    flat = {n: s for n, s in given.items() if expected.get(n) == (*s, 1, 1)}
    refuse_mismatch(expected, given | {n: expected[n] for n in flat}, str(path))
    _warn_of_second_autoencoder(tensors, path)
    model = DreamText(config)
    state = {ours: tensors[name] for ours, (name, _) in table.items()}
    load(model, state)
    return model.eval()


def load(model: DreamText, state: dict[str, Tensor]) -> None:
    """Copy tensors into the parameters of the same names, whatever their dtype or 1 x 1 tail."""
    target = model.state_dict()
    with torch.no_grad():
        for name, value in state.items():
            target[name].copy_(value.reshape(target[name].shape))


def _optional(expected: Shapes, given: Shapes) -> Shapes:
    """What a released checkpoint may hold besides, whole or not at all."""
    found: Shapes = {}
    if any(name.startswith(layout.MASKED) for name in given):
        start = len(layout.AUTOENCODER)
        found = {
            layout.MASKED + name[start:]: shape
            for name, shape in expected.items()
            if name.startswith(layout.AUTOENCODER)
        }
    if layout.SIGMAS in given:
        found[layout.SIGMAS] = given[layout.SIGMAS]
    return found


def _warn_of_second_autoencoder(tensors: dict[str, Tensor], path: str | Path) -> None:
    differing = [
        name
        for name, value in tensors.items()
        if name.startswith(layout.MASKED)
        and not torch.equal(value, tensors[layout.AUTOENCODER + name[len(layout.MASKED) :]])
    ]
    if differing:
        warnings.warn(
            f"{path}: the autoencoder for masked images differs from the one for images in "
            f"{len(differing)} parameters (first: {differing[0]}); the latter is used for both",
            stacklevel=3,
        )


def export_released(model: DreamText, path: str | Path, *, training: bool = False) -> None:
    """Write a model as one `.safetensors` in the released layout, whole or not at all.

    Raises:
        UserError: the model has parts that the layout cannot hold.
    """
    config, path = model.config, Path(path)
    text, unet = config.model.text, config.model.unet
    obstacles = {
        "model.autoencoder.kind=kl": config.model.autoencoder.kind != "kl",
        "model.text.null_token=false": text.null_token,
        "model.text.mask_padding=false": text.mask_padding,
        "model.unet.norm_groups=32": unet.norm_groups != 32,
        "model.segmentation.channels=0": config.model.segmentation.channels > 0,
        "model.glyph.kind=vitstr": training and config.model.glyph.kind != "vitstr",
    }
    needed = [name for name, hinders in obstacles.items() if hinders]
    if needed:
        raise UserError(f"the released layout cannot hold this model: it needs {', '.join(needed)}")
    if path.suffix != ".safetensors":
        raise UserError(f"{path} must end in .safetensors")
    state = model.state_dict()
    found: dict[str, Tensor] = {}
    for ours, (name, shape) in names(config, training=training).items():
        found[name] = state[ours].detach().cpu().reshape(shape).contiguous()
        if name.startswith(layout.AUTOENCODER):
            found[layout.MASKED + name[len(layout.AUTOENCODER) :]] = found[name].clone()
    with written_whole(path) as beside:
        save_file(found, beside)
