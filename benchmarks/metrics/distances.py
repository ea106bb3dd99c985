"""Distances between painted and real images: of whole sets (Frechet), and of pairs."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby, islice

import numpy as np

from benchmarks.metrics.features import efficientnet
from benchmarks.metrics.frechet import frechet_floor, frechet_interval
from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.statistics import bootstrap
from benchmarks.samples.folder import Source, Unavailable

ENOUGH = 2048  # samples below which a Frechet distance is mostly bias
_BATCH = 8


def frechet(session: Session, *, source: Source) -> Measured:
    """Frechet distance of the painted set from the real one, on EfficientNet-Lite0 features."""
    if len(session.folder) < 4:
        raise Unavailable(f"a Frechet distance needs 4 samples, here are {len(session.folder)}")
    painted, real = _compared(session, source)["pooled"], _compared(session, source)["real"]
    floor = frechet_floor(real)
    return Measured(
        estimate=frechet_interval(painted, real),
        backbone=efficientnet().backbone,
        details={"floor between halves of the real set": floor, "n of a half": len(real) // 2},
        warnings=few(len(real), floor),
    )


def few(n: int, floor: float) -> tuple[str, ...]:
    """The warning printed beside a Frechet distance of few samples."""
    if n >= ENOUGH:
        return ()
    return (
        f"n = {n} is below {ENOUGH}: biased upwards, comparable only at the same n; two halves "
        f"of the real set ({n // 2} each) already measure {floor:.4g}",
    )


def perceptual(session: Session, *, source: Source) -> Measured:
    """`effdist` of each painted image from its real one; reconstruction only."""
    if not session.folder.reconstruction:
        raise Unavailable("other words were painted than the real images show (task editing)")
    values = _compared(session, source)["effdist"]
    return Measured(
        estimate=bootstrap(values), backbone=efficientnet().backbone, per_image=values.tolist()
    )


def _compared(session: Session, source: Source) -> dict[str, np.ndarray]:
    """Features of painted and real images and their distances, in one pass over the network."""
    if (key := ("efficientnet", source)) in session.kept:
        return session.kept[key]
    folder, network = session.folder, efficientnet()
    rows: dict[str, list[np.ndarray]] = {"pooled": [], "real": [], "effdist": []}
    pairs = zip(folder.images(source), folder.images("truth"), strict=True)
    for batch in same_size_batches(pairs):
        painted, real = zip(*batch, strict=True)
        layers, pooled = network.blocks(painted)
        layers_real, pooled_real = network.blocks(real)
        rows["pooled"].append(pooled)
        rows["real"].append(pooled_real)
        rows["effdist"].append(network.distance(layers, layers_real))
    return session.kept.setdefault(key, {k: np.concatenate(v) for k, v in rows.items()})


def same_size_batches(pairs: Iterable[tuple]) -> Iterator[list[tuple]]:
    """Up to `_BATCH` consecutive pairs of one size at a time."""
    for _, group in groupby(pairs, key=lambda pair: pair[0].shape):
        while batch := list(islice(group, _BATCH)):
            yield batch


def _metrics() -> list[Metric]:
    common = {"version": 1, "direction": "lower", "unit": "distance", "view": "whole"}
    return [
        Metric(name=f"{name}/{source}", reads=source, measure=partial(f, source=source), **common)
        for name, f in (("FD-EffNetLite0", frechet), ("effdist", perceptual))
        for source in ("raw", "composited")
    ]


METRICS = _metrics()
