"""Starting weights from local files: Stable Diffusion's, ViTSTR's, a character encoder's.

Nothing is fetched: a configuration names a path, or the part starts at random.
"""

import re

import torch
from torch import Tensor, nn

from dreamtext.errors import RunError, UserError
from dreamtext.networks.glyph_encoder import ViTSTR
from dreamtext.networks.model import DreamText
from dreamtext.weights import released_layout as layout
from dreamtext.weights.files import Shapes, read_tensors, refuse_mismatch, shapes_of
from dreamtext.weights.starting import FOLDER_FILES, weight_file


def load(model: DreamText) -> None:
    """Fill every part whose configuration names `weights`.

    Raises:
        UserError: a path does not exist, or belongs to a part that cannot take weights.
        RunError: a file is damaged or of another model (differing parameters are listed).
    """
    config = model.config.model
    if config.autoencoder.weights:
        if config.autoencoder.kind != "kl":
            raise UserError("model.autoencoder.weights is for model.autoencoder.kind=kl")
        _load(model, "autoencoder", config.autoencoder.weights, set())
    if config.unet.weights:
        # The text cross-attention has another width than Stable Diffusion's and starts anew.
        anew = re.compile(r"\.transformer_blocks\.\d+\.(attn2|norm2)\.")
        fresh = {n for n in model.unet.state_dict() if anew.search(n)}
        _load(model, "unet", config.unet.weights, fresh)
    if config.text.weights:
        _load_text_encoder(model, config.text.weights)
    if config.glyph.weights:
        if not isinstance(model.glyph_encoder, ViTSTR):
            raise UserError("model.glyph.weights is for model.glyph.kind=vitstr")
        _load_vitstr(model.glyph_encoder, config.glyph.weights)


def _load(model: DreamText, part: str, path: str, fresh: set[str]) -> None:
    """Fill the U-Net or the autoencoder, in diffusers' or the original layout."""
    module = getattr(model, part)
    expected = {n: s for n, s in shapes_of(module.state_dict()).items() if n not in fresh}
    file = weight_file(path, part)
    tensors = read_tensors(file)
    if file.name in FOLDER_FILES:
        tensors = _current_names(tensors)
    else:
        tensors = _from_original(tensors, expected, part, model)
    given = {n: v for n, v in tensors.items() if n not in fresh}
    if part == "unet":
        _widen_input(given, model.config.model.segmentation.channels)
    refuse_mismatch(expected, shapes_of(given), str(file))
    _copy(module, given)


def _widen_input(tensors: dict[str, Tensor], channels: int) -> None:
    """Let the U-Net's input have further channels that it does not look at yet, as Stable
    Diffusion's inpainting model started from the one without a mask."""
    first = tensors.get("conv_in.weight")
    if first is not None and channels:
        new = first.new_zeros(first.shape[0], channels, *first.shape[2:])
        tensors["conv_in.weight"] = torch.cat([first, new], dim=1)


def _from_original(
    tensors: dict[str, Tensor], expected: Shapes, part: str, model: DreamText
) -> dict[str, Tensor]:
    """A part of a checkpoint in the original layout, under our names."""
    config = model.config.model
    start = layout.UNET if part == "unet" else layout.AUTOENCODER
    if not any(name.startswith(start) for name in tensors):
        raise RunError(
            f"this file holds no {part} in the original layout: no parameter is named {start}..."
        )
    table = layout.released_names(
        {f"{part}.{n}": s for n, s in expected.items()}, config.unet, len(config.autoencoder.widths)
    )
    found = {}
    for ours, (name, _) in table.items():
        if name in tensors:
            short = ours.removeprefix(f"{part}.")
            value = tensors[name]
            flat = value.ndim == 4 and value.shape[2:] == (1, 1) and len(expected[short]) == 2
            found[short] = value.flatten(1) if flat else value
    return found


def _current_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """diffusers renamed the autoencoder's attention once; old folders have the old names."""
    renamed = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
    found = {}
    for name, value in tensors.items():
        for old, new in renamed.items():
            name = name.replace(f".attentions.0.{old}.", f".attentions.0.{new}.")
        found[name] = value
    return found


def _load_text_encoder(model: DreamText, path: str) -> None:
    """The character encoder and the alignment heads, as the released code pretrained them."""
    tensors = read_tensors(path)
    start = "" if "label_embedding.weight" in tensors else layout.TEXT
    ours = shapes_of(model.state_dict())
    table = layout.released_names(
        {n: s for n, s in ours.items() if n.startswith(("text_encoder.", "heads."))},
        model.config.model.unet,
        0,
    )
    named = {name.removeprefix(layout.TEXT): (own, shape) for own, (name, shape) in table.items()}
    if f"{start}logit_scale" not in tensors:  # without the heads of its training
        named = {n: v for n, v in named.items() if v[0].startswith("text_encoder.")}
    given = {
        n.removeprefix(start): v
        for n, v in tensors.items()
        if n.startswith(start) and not n.removeprefix(start).startswith("visual_encoder.")
    }
    refuse_mismatch({n: shape for n, (_, shape) in named.items()}, shapes_of(given), path)
    _copy(model, {own: given[name] for name, (own, _) in named.items()})


def _load_vitstr(encoder: ViTSTR, path: str) -> None:
    """ViTSTR's own file names parameters `module.vitstr.<name>`; the released layout's
    `visual_encoder.<name>` is read too."""
    tensors = read_tensors(path)
    given: dict[str, Tensor] = {}
    for name, value in tensors.items():
        for start in (
            "module.vitstr.",
            "vitstr.",
            f"{layout.TEXT}visual_encoder.",
            "visual_encoder.",
        ):
            if name.startswith(start):
                given[name.removeprefix(start)] = value
                break
    given = given or tensors
    refuse_mismatch(shapes_of(encoder.vit.state_dict()), shapes_of(given), path)
    _copy(encoder.vit, given)


@torch.no_grad()
def _copy(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    target = module.state_dict()
    for name, value in tensors.items():
        target[name].copy_(value)
