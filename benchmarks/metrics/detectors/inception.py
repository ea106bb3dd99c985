"""Inception-v3 in the two forms that FID stands for: clean-fid's own, and pytorch-fid's.

They differ in weights and in how a picture is resized, so their numbers are two columns: `FID` is
clean-fid's, `FID-pytorch` what this field's papers report (clean-fid's mode legacy_pytorch).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.metrics.detectors.batching import batches, device
from benchmarks.metrics.options import INCEPTION, INCEPTION_PYTORCH
from dreamtext import devices
from dreamtext.errors import UserError
from dreamtext.files import file_hash

Mode = Literal["clean", "legacy_pytorch"]


class Inception:
    """The network on this machine's best device, loaded once."""

    def __init__(self, file: Path, mode: Mode) -> None:
        from cleanfid.resize import build_resizer

        self.network = clean_network(file) if mode == "clean" else pytorch_network(file)
        self.resize = build_resizer(mode)
        name = "clean-fid" if mode == "clean" else "pytorch-fid"
        self.backbone = f"Inception-v3 {file_hash(file)[:8]}, {name}"

    def features(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """(N, 2048) float32 of (H, W, 3) uint8 images."""
        import torch

        rows = []
        for some in batches(images, 32):
            pixels = np.stack([np.asarray(self.resize(i), np.float32) for i in some])
            batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device())
            with torch.inference_mode():
                rows.append(devices.fetched(self.network(batch)).numpy())
        return np.concatenate(rows)


@lru_cache(maxsize=2)
def inception(file: Path, mode: Mode) -> Inception:
    """The network, loaded at first use.

    Raises:
        UserError: the file holds another network.
    """
    return Inception(file, mode)


def clean_network(file: Path) -> Callable:
    """clean-fid's TorchScript.

    Raises:
        UserError: the file is TorchScript, but not of Inception's interface.
    """
    import torch
    from cleanfid.inception_torchscript import InceptionV3W

    try:
        network = InceptionV3W(str(file.parent), download=False).to(device())
        with torch.inference_mode():
            width = network(torch.zeros(1, 3, 299, 299, device=device())).shape[1]
        if width != 2048:
            raise RuntimeError(f"it computes {width} features, not 2048")
    except (RuntimeError, AttributeError) as error:
        raise UserError(
            f"the file '{file}' is not the TorchScript of Inception-v3 ({error}); expected is "
            f"{INCEPTION.name}: {INCEPTION.source}"
        ) from error
    return network


def pytorch_network(file: Path) -> Callable:
    """pytorch-fid's Inception-v3 from its own file, without clean-fid's download.

    Raises:
        UserError: the file holds another network's weights.
    """
    import torch
    from cleanfid import inception_pytorch

    try:
        weights = torch.load(file, weights_only=True, map_location="cpu")
        download = inception_pytorch.load_state_dict_from_url
        try:  # its constructor downloads; for this one call, what was given stands in
            inception_pytorch.load_state_dict_from_url = lambda *_, **__: weights
            network = inception_pytorch.InceptionV3(output_blocks=[3], resize_input=False)
        finally:
            inception_pytorch.load_state_dict_from_url = download
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(
            f"the file '{file}' holds no weights of pytorch-fid's Inception-v3 ({error}); expected "
            f"is {INCEPTION_PYTORCH.path}: {INCEPTION_PYTORCH.source}"
        ) from error
    network = network.to(device()).eval()
    return lambda images: network(images / 255)[0].flatten(1)
