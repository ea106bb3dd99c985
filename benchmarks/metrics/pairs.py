"""Distances and similarities of each painted picture to the true one, where there is one.

effdist          uncalibrated perceptual distance on EfficientNet-Lite0, whole pictures
LPIPS            the calibrated one (AlexNet, v0.1), whole pictures
CLIP-similarity, DINOv2-similarity    cosine of the features of the region's crops
"""

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.metrics.detectors.batching import device
from benchmarks.metrics.detectors.efficientnet import efficientnet
from benchmarks.metrics.features import Network, compared, features, network, same_size_batches
from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.options import ALEXNET
from benchmarks.metrics.statistics import bootstrap
from benchmarks.samples.folder import Source, Unavailable
from dreamtext import devices
from dreamtext.files import file_hash


def effdist(session: Session, *, source: Source) -> Measured:
    """`effdist` of each painted image from its true one."""
    against = session.folder.reference
    for pictures in (source, against):
        session.folder.check(pictures)
    values = compared(session)[f"effdist/{source}"]
    return Measured(
        estimate=bootstrap(values),
        backbone=efficientnet().backbone,
        per_image=values.tolist(),
        details={"against": against},
    )


def lpips_distance(session: Session, *, source: Source) -> Measured:
    """LPIPS (AlexNet, v0.1) of each painted image from its true one."""
    file = session.options.alexnet
    if file is None:
        raise Unavailable(
            f"no AlexNet was given: name your copy of {ALEXNET.path} (scoring.alexnet); effdist is "
            "reported instead, under its own name"
        )
    import torch

    against = session.folder.reference
    lpips = lpips_network(file).to(device())
    found = []
    pairs = zip(session.folder.images(source), session.folder.images(against), strict=True)
    for batch in same_size_batches(pairs):
        painted, real = (
            torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(device()).float() / 127.5 - 1
            for images in zip(*batch, strict=True)
        )
        with torch.inference_mode():
            found.append(devices.fetched(lpips(painted, real).reshape(-1)).numpy())
    values = np.concatenate(found).astype(float)
    return Measured(
        estimate=bootstrap(values),
        backbone=f"LPIPS v0.1 AlexNet {file_hash(file)[:8]}",
        per_image=values.tolist(),
        details={"against": against},
    )


@lru_cache(maxsize=1)
def lpips_network(file: Path):
    """lpips' network on AlexNet's trunk from a file whose hash was checked; loaded once."""
    import lpips
    import torch

    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    weights = torch.load(file, weights_only=True, map_location="cpu")
    trunk = {
        name: weights[f"features.{name.split('.', 1)[1]}"] for name in network.net.state_dict()
    }
    network.net.load_state_dict(trunk)
    return network.eval().requires_grad_(False)


def similarity(session: Session, *, source: Source, of: Network) -> Measured:
    """Cosine of the features of each painted crop and its true one."""
    own, against = network(session, of), session.folder.reference
    a, b = (features(session, of, s, "crop").astype(float) for s in (source, against))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    values = (a * b).sum(1) / lengths
    return Measured(
        estimate=bootstrap(values),
        backbone=own.backbone,
        per_image=values.tolist(),
        details={"against": against},
    )


def _metrics() -> list[Metric]:
    distance: dict[str, Any] = {"direction": "lower", "unit": "distance", "view": "whole"}
    cosine: dict[str, Any] = {
        "direction": "higher",
        "unit": "cosine",
        "view": "crop",
        "agrees_with": ("transformers",),
    }
    functions: dict[str, tuple[Any, dict[str, Any]]] = {
        "effdist": (effdist, {"version": 2, **distance}),  # of 1: never in editing
        "LPIPS": (
            lpips_distance,
            {"version": 2, "agrees_with": ("lpips", "torchmetrics"), **distance},
        ),
        "CLIP-similarity": (partial(similarity, of="CLIP"), {"version": 1, **cosine}),
        "DINOv2-similarity": (partial(similarity, of="DINOv2"), {"version": 1, **cosine}),
    }
    return [
        Metric(
            name=f"{name}/{source}",
            reads=source,
            interval="bootstrap over images",
            measure=partial(function, source=source),
            **said,
        )
        for name, (function, said) in functions.items()
        for source in ("raw", "composited")
    ]


METRICS = _metrics()
