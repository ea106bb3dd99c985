"""Stand-ins for weights that are not here: small, random, in the real files' formats."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from benchmarks.metrics.judges.parseq import PARSeq
from benchmarks.metrics.options import ALEXNET, INCEPTION, INCEPTION_PYTORCH


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


def write_pytorch_inception(folder: Path) -> Path:
    """pytorch-fid's own network with weights drawn at random, under its file's name."""
    from cleanfid import inception_pytorch

    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception_pytorch, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_: None)
        network = inception_pytorch.fid_inception_v3()
    torch.save(network.state_dict(), folder / INCEPTION_PYTORCH.path)
    return folder / INCEPTION_PYTORCH.path


_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 224,
    "patch_size": 56,
}


def write_dinov2(folder: Path) -> Path:
    import transformers

    torch.manual_seed(0)
    transformers.Dinov2Model(transformers.Dinov2Config(**_SIZES)).save_pretrained(folder)
    return folder


def write_clip(folder: Path) -> Path:
    """A whole CLIP, as it is published: the text tower is in the file too."""
    import transformers

    torch.manual_seed(0)
    vision = {**_SIZES, "intermediate_size": 64, "projection_dim": 24}
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 50}
    config = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=24)
    transformers.CLIPModel(config).save_pretrained(folder)
    return folder
