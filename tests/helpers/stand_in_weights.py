"""Stand-ins for weights that are not here: small, random, in the real files' formats."""

from pathlib import Path

import torch
import torchvision
from torch import nn

from benchmarks.metrics.judges.parseq import PARSeq
from benchmarks.metrics.options import ALEXNET, INCEPTION


class Inception(nn.Module):
    """The interface clean-fid expects of inception-2015-12-05.pt: `layers`, 299 x 299 -> 2048."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(37, 37), nn.Flatten(), nn.Linear(192, 2048), nn.ReLU()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def write_inception(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    file = folder / INCEPTION.path
    torch.jit.script(Inception()).save(str(file))
    return file


def write_alexnet(folder: Path, *, whole: bool = True) -> Path:
    """AlexNet's state dict under its published name; in parts, only the trunk that LPIPS reads."""
    torch.manual_seed(0)
    weights = torchvision.models.alexnet(weights=None).state_dict()
    if not whole:
        weights = {k: v for k, v in weights.items() if k.startswith("features.")}
    torch.save(weights, folder / ALEXNET.path)
    return folder / ALEXNET.path


def small_parseq() -> PARSeq:
    """A small PARSeq with drawn weights; what it reads is noise, but always the same noise."""
    network, generator = PARSeq(64, 1, 26), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, values in sorted(network.named_parameters()):
            noise = torch.randn(values.shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                values.copy_(1 + 0.1 * noise)
            else:
                values.copy_(noise * (0.1 if values.dim() == 1 else 0.3))
        network.head.bias[0] += 3
    return network.eval()
