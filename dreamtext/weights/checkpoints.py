"""Saving and resuming: folders written beside and renamed, checked by hash when read."""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dreamtext import devices
from dreamtext.configs.schema import from_dict, to_dict
from dreamtext.configs.sections import Config
from dreamtext.errors import RunError
from dreamtext.files import file_hash, refuse_if_overtaken, to_disk
from dreamtext.networks.model import DreamText
from dreamtext.weights.files import refuse_mismatch

KEPT = 2
# Parts of the model that a trained model's folder holds; the rest is fixed or only for training.
_SHIPPED = ("unet.", "text_encoder.", "autoencoder.", "layout_encoder.")


def save_checkpoint(
    folder: Path, step: int, tensors: dict[str, dict[str, Tensor]], optimizers: list[Any]
) -> Path:
    """Write `folder/step-<step>` whole or not at all; keep the last two.

    Args:
        tensors: file stem -> named tensors, each stored as safetensors.
        optimizers: state dicts, stored by torch and read back with `weights_only=True`.
    """
    refuse_if_overtaken()
    final = folder / f"step-{step:08d}"
    partial = folder / f".step-{step:08d}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for stem, named in tensors.items():
        save_file({k: v.contiguous() for k, v in named.items()}, partial / f"{stem}.safetensors")
    torch.save(optimizers, partial / "optimizer.pt")
    hashes = {p.name: file_hash(p) for p in sorted(partial.iterdir())}
    (partial / "state.json").write_text(json.dumps({"step": step, "sha256": hashes}))
    refuse_if_overtaken()
    shutil.rmtree(final, ignore_errors=True)
    os.replace(partial, final)
    for old in sorted(folder.glob("step-*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    for abandoned in folder.glob(".step-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    return final


def load_checkpoint(folder: Path) -> tuple[int, dict[str, dict[str, Tensor]], list[Any]] | None:
    """The newest undamaged checkpoint: (step, tensors, optimiser states); None if there is none.

    A damaged one is passed over, with a warning, for the one before.

    Raises:
        RunError: there are checkpoints and all are damaged.
    """
    found = sorted(folder.glob("step-*"), reverse=True)
    for path in found:
        try:
            state = json.loads((path / "state.json").read_text())
            for name, expected in state["sha256"].items():
                if file_hash(path / name) != expected:
                    raise ValueError(f"{name} does not have the hash recorded for it")
            tensors = {p.stem: load_file(p) for p in path.glob("*.safetensors")}
            optimizers = torch.load(path / "optimizer.pt", weights_only=True)
            return state["step"], tensors, optimizers
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            warnings.warn(
                f"checkpoint {path} is damaged ({error}); trying the one before", stacklevel=2
            )
    if found:
        raise RunError(
            f"all {len(found)} checkpoints in {folder} are damaged; remove that folder to train "
            "this run again from the start"
        )
    return None


def save_model(model: DreamText, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write a trained model as `config.json` and `model.safetensors`, whole or not at all."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    kept = {
        name: value.detach().to(dtype).contiguous()
        for name, value in model.state_dict().items()
        if name.startswith(_SHIPPED)
    }
    save_file(kept, partial / "model.safetensors")
    (partial / "config.json").write_text(json.dumps(to_dict(model.config), indent=1) + "\n")
    to_disk(partial)
    refuse_if_overtaken()
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


def load_model(folder: Path, device: str = "auto") -> DreamText:
    """A trained model from its folder, in float32 and ready to paint, on a device.

    Raises:
        RunError: the folder is missing, damaged or holds another model.
    """
    try:
        config = from_dict(Config, json.loads((folder / "config.json").read_text()))
        tensors = load_file(folder / "model.safetensors")
    except FileNotFoundError as error:
        raise RunError(
            f"there is no trained model in {folder} ({Path(str(error.filename)).name} is missing); "
            "train one with `dreamtext train`, or name another folder"
        ) from error
    except (SafetensorError, json.JSONDecodeError, ValueError) as error:
        raise RunError(
            f"the model in {folder} is damaged: {error}; fetch or train it again"
        ) from error
    model = DreamText(config)
    expected = {n: tuple(v.shape) for n, v in model.state_dict().items() if n.startswith(_SHIPPED)}
    refuse_mismatch(expected, {n: tuple(v.shape) for n, v in tensors.items()}, str(folder))
    model.load_state_dict({n: v.float() for n, v in tensors.items()}, strict=False)
    return model.to(devices.device(device)).eval()


def import_released(
    path: str | Path, text_heads: int = 8, unet_head_channels: int = 64
) -> DreamText:
    """A model from a checkpoint in the released layout; see `dreamtext.weights.released`."""
    from dreamtext.weights import released

    return released.import_released(path, text_heads, unet_head_channels)
