"""Reading weight files from local paths, safely, and refusing the wrong ones with a list."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dreamtext.errors import RunError, UserError

Shapes = dict[str, tuple[int, ...]]
SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
_LISTED = 40  # parameters named in a refusal


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The named tensors of one file, as stored; nothing in it is executed.

    A `.ckpt` may hold them under `state_dict`, as Lightning writes it.

    Raises:
        UserError: there is no such file, it is a folder, or its name has an unknown suffix.
        RunError: the file is damaged or cut short, or holds more than plain tensors.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected one file ({', '.join(SUFFIXES)})")
    if not path.is_file():
        raise UserError(f"there is no file {path}; give the path of a downloaded checkpoint")
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path.name} is not a weight file; expected one of {', '.join(SUFFIXES)}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise RunError(
            f"{path} cannot be read ({error}): it is damaged or only part of a download "
            f"({path.stat().st_size} bytes are here); fetch it again"
        ) from error
    except pickle.UnpicklingError as error:
        raise RunError(
            f"{path} is damaged or holds more than tensors, which could run foreign code and is "
            f"refused ({str(error).splitlines()[0]}); save its state dict alone, best as "
            ".safetensors"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    tensors = isinstance(content, dict) and all(isinstance(v, Tensor) for v in content.values())
    if not tensors:
        raise RunError(f"{path} holds no named tensors; expected a state dict")
    return content


def shapes_of(tensors: dict[str, Tensor]) -> Shapes:
    """The shape of every tensor by name."""
    return {name: tuple(value.shape) for name, value in tensors.items()}


def refuse_mismatch(expected: Shapes, given: Shapes, source: str) -> None:
    """Compare what a file holds with what a model needs; `source` names the file.

    Raises:
        RunError: lists missing, extra and misshapen parameters.
    """
    problems = [f"missing: {n} {expected[n]}" for n in expected if n not in given]
    problems += [f"extra: {n} {given[n]}" for n in given if n not in expected]
    problems += [
        f"misshapen: {n} is {given[n]}, expected {expected[n]}"
        for n in expected
        if n in given and given[n] != expected[n]
    ]
    if problems:
        listed = "\n  ".join(problems[:_LISTED])
        more = f"\n  and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise RunError(
            f"{source} does not hold this model: {len(problems)} parameters differ\n"
            f"  {listed}{more}"
        )
