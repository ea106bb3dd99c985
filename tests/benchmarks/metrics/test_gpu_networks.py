"""Scoring's networks run on a GPU, and wait for it once a batch: shown on one that is not there."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from helpers import stand_in_weights as stand_in
from helpers.fake_gpu import GPU

from benchmarks.metrics import features, pairs
from benchmarks.metrics.detectors.efficientnet import EfficientNetLite0
from benchmarks.metrics.detectors.inception import Inception
from benchmarks.metrics.detectors.transformers import Transformer
from benchmarks.metrics.judges.paddle import PACKAGED
from benchmarks.metrics.judges.parseq import PARSeqJudge
from dreamtext import devices

pytestmark = [  # of clean-fid, lpips and torch about themselves
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
# What cannot be shown on tensors without values, and why.
EXEMPT = {
    "Inception": "clean-fid's TorchScript runs in its own interpreter",
    "PP-OCRv6-small": "ONNX, on the CPU by PaddleOCR",
    "PP-OCRv4": "Paddle, on the CPU",
}


def images(count: int = 3) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, 64, 96, 3), np.uint8))


def test_efficientnet(gpu: set[str]) -> None:
    network = EfficientNetLite0()
    layers, pooled = network.blocks(images())
    assert all(values.device == GPU for values in layers)
    assert pooled.shape == (3, 1280)
    assert network.distance(layers, layers).shape == (3,)
    assert gpu == waits("detectors.efficientnet.blocks", "detectors.efficientnet.distance")


DETECTORS: dict[str, Callable[[Path], Any]] = {
    "Inception-pytorch": lambda f: Inception(stand_in.write_pytorch_inception(f), "legacy_pytorch"),
    "DINOv2": lambda folder: Transformer(stand_in.write_dinov2(folder), "DINOv2"),
    "CLIP": lambda folder: Transformer(stand_in.write_clip(folder), "CLIP"),
}


@pytest.mark.parametrize("name", DETECTORS)
def test_features(gpu: set[str], name: str, tmp_path: Path) -> None:
    found = DETECTORS[name](tmp_path).features(images())
    assert found.shape[0] == 3
    module = "inception" if name == "Inception-pytorch" else "transformers"
    assert gpu == waits(f"detectors.{module}.features")


def test_lpips(gpu: set[str], tmp_path: Path) -> None:
    file = stand_in.write_alexnet(tmp_path, whole=False)
    folder = SimpleNamespace(reference="truth", images=lambda _: iter(images()))
    session: Any = SimpleNamespace(options=SimpleNamespace(alexnet=file), folder=folder)
    assert len(pairs.lpips_distance(session, source="raw").per_image) == 3
    assert gpu == waits("pairs.lpips_distance")


def test_parseq(gpu: set[str], tmp_path: Path) -> None:
    torch.save(stand_in.small_parseq().state_dict(), tmp_path / "parseq.pt")
    judge = PARSeqJudge(tmp_path / "parseq.pt")
    assert devices.of(judge.network) == GPU
    assert len(judge.read(images())) == 3
    assert gpu == waits("judges.parseq.forward", "judges.parseq.read")


def test_no_network_is_left_out() -> None:
    shown = {"EffNetLite0", *DETECTORS}
    assert shown | EXEMPT.keys() == {*get_args(features.Network), *PACKAGED}


def waits(*parts: str) -> set[str]:
    return {f"benchmarks.metrics.{part}" for part in parts}
