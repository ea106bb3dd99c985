"""Latents kept on disk: at full size the autoencoder costs as much as the rest of a step."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dreamtext import devices
from dreamtext.files import written_whole


class LatentCache:
    """One file a picture, named by the hash of its pixels, in a folder named by the autoencoder's.

    Pictures are told apart by content, so that one folder serves every run, crop and region, and
    several processes at once. A damaged file is made again.
    """

    def __init__(self, folder: Path, autoencoder: nn.Module) -> None:
        self.folder = folder / _digest(autoencoder.state_dict().values())

    def encode(self, images: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """(B, 3, H, W) -> latents (B, C, h, w), by `encode` for those that are not kept yet."""
        paths = [self._path(image) for image in devices.fetched(images)]
        kept = {row: value for row, path in enumerate(paths) if (value := _read(path)) is not None}
        absent = [row for row in range(len(paths)) if row not in kept]
        if absent:
            encoded = devices.fetched(encode(images[absent]))
            for row, value in zip(absent, encoded, strict=True):
                kept[row] = value
                _write(paths[row], value)
        return torch.stack([kept[row] for row in range(len(paths))]).to(images.device)

    def _path(self, image: Tensor) -> Path:
        name = _digest([image])
        return self.folder / name[:2] / f"{name}.safetensors"


def _digest(tensors: Iterable[Tensor]) -> str:
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(str(tuple(tensor.shape)).encode())
        found.update(
            devices.fetched(tensor.detach()).contiguous().view(torch.uint8).numpy().tobytes()
        )
    return found.hexdigest()[:32]


def _read(path: Path) -> Tensor | None:
    try:
        return load_file(path)["latents"]
    except (FileNotFoundError, SafetensorError, KeyError):
        return None


def _write(path: Path, latents: Tensor) -> None:
    with written_whole(path) as beside:
        save_file({"latents": latents.contiguous()}, beside)
