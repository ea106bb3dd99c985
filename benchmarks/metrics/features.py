"""What every network sees in the pictures: computed once for all metrics that share a network."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.metrics.crops import axis_aligned
from benchmarks.metrics.detectors.efficientnet import efficientnet
from benchmarks.metrics.detectors.inception import inception
from benchmarks.metrics.detectors.transformers import transformer
from benchmarks.metrics.metric import Session
from benchmarks.metrics.options import INCEPTION, INCEPTION_PYTORCH
from benchmarks.samples.folder import Source, Unavailable
from dreamtext.errors import UserError
from dreamtext.files import file_hash

if TYPE_CHECKING:
    from pathlib import Path

Network = Literal["EffNetLite0", "Inception", "Inception-pytorch", "DINOv2", "CLIP"]
View = Literal["whole", "crop"]
PAINTED: tuple[Source, ...] = ("raw", "composited")
_BATCH = 8


def network(session: Session, name: Network):
    """A network with `backbone` and `features`, loaded once a process.

    Raises:
        Unavailable: its weights were not given.
    """
    options = session.options
    if name == "EffNetLite0":
        return efficientnet()
    if name == "Inception":
        file = _given(
            options.inception,
            f"no Inception-v3 was given: name your copy of {INCEPTION.path} (scoring.inception); "
            "FD-EffNetLite0 is reported instead, under its own name",
        )
        return inception(file, "clean")
    if name == "Inception-pytorch":
        file = _given(
            options.inception_pytorch,
            f"no Inception-v3 of pytorch-fid was given: name your copy of {INCEPTION_PYTORCH.path} "
            "(scoring.inception_pytorch)",
        )
        return inception(file, "legacy_pytorch")
    folder = {"DINOv2": options.dinov2, "CLIP": options.clip}[name]
    option = f"scoring.{name.lower()}"
    return transformer(_given(folder, f"no {name} was given: name its folder ({option})"), name)


def features(session: Session, name: Network, source: Source, view: View = "whole") -> np.ndarray:
    """(N, d) features of a set of pictures, or of their crops of the region.

    Those of true pictures are kept on disk, under a hash of pictures and weights: painted sets are
    new every time, the real one is not.
    """
    if (key := ("features", name, source, view)) in session.kept:
        return session.kept[key]
    detector, folder = network(session, name), session.folder
    folder.check(source)
    if name == "EffNetLite0":
        return compared(session)[source]
    kept = None
    if source in ("truth", "target"):
        files = [file_hash(folder.path / source / f"{i}.png") for i in folder.ids]
        boxes = [str(r.box) for r in folder.records] if view == "crop" else []
        digest = hashlib.sha256(" ".join([detector.backbone, view, *files, *boxes]).encode())
        kept = session.options.cache / "features" / f"{name}-{digest.hexdigest()[:24]}.npy"
        if kept.is_file():
            return session.kept.setdefault(key, np.load(kept, allow_pickle=False))
    images: Iterable[np.ndarray] = folder.images(source)
    if view == "crop":
        images = map(axis_aligned, images, folder.records)
    found = detector.features(images)
    if kept:
        _keep(kept, found)
    return session.kept.setdefault(key, found)


def compared(session: Session) -> dict[str, np.ndarray]:
    """EfficientNet's features (N, 1280) by source, and `effdist` (N,) of the painted sources.

    One pass over the network for all pictures of a sample: `effdist` needs the activations of
    painted and true ones side by side.
    """
    if "compared" in session.kept:
        return session.kept["compared"]
    folder, effnet = session.folder, efficientnet()
    painted: list[Source] = [s for s in PAINTED if _whole(session, s)]
    true: list[Source] = ["truth", "target"] if _whole(session, "target") else ["truth"]
    there = [*true, *painted]
    rows: dict[str, list[np.ndarray]] = {}
    samples = zip(*(folder.images(source) for source in there), strict=True)
    for batch in same_size_batches(samples):
        columns = zip(there, zip(*batch, strict=True), strict=True)
        seen = {s: effnet.blocks(images) for s, images in columns}
        for source, (layers, pooled) in seen.items():
            rows.setdefault(source, []).append(pooled)
            if source in painted:
                distance = effnet.distance(layers, seen[true[-1]][0])
                rows.setdefault(f"effdist/{source}", []).append(distance)
    return session.kept.setdefault("compared", {k: np.concatenate(v) for k, v in rows.items()})


def _whole(session: Session, source: Source) -> bool:
    """Whether a set can be read at all; why not is said by the metrics that need it."""
    try:
        session.folder.check(source)
    except (Unavailable, UserError):
        return False
    return True


def same_size_batches(samples: Iterable[tuple]) -> Iterator[list[tuple]]:
    """Up to `_BATCH` consecutive samples of one size at a time; all pictures of a sample have its
    size."""
    for _, group in groupby(samples, key=lambda pictures: pictures[0].shape):
        while batch := list(islice(group, _BATCH)):
            yield batch


def _given(path: "Path | None", reason: str) -> "Path":
    if path is None:
        raise Unavailable(reason)
    return path


def _keep(path: "Path", values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.stem}.{os.getpid()}.npy")
    np.save(beside, values)
    os.replace(beside, path)
