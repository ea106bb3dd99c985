"""Distances of the painted set from the real one: KID first, which is unbiased, then Frechet.

    KID-EffNetLite0, FD-EffNetLite0    features that ship with a package
    KID, FID                           Inception-v3 by clean-fid
    KID-pytorch, FID-pytorch           Inception-v3 by pytorch-fid, as this field's papers
    FD-DINOv2                          DINOv2's class token (Stein et al. 2023)

torchmetrics has FID and KID too, on a third copy of Inception-v3 that it downloads, with another
resize. Its Frechet formula agrees with ours, but its FID is neither of the two above: not used.

`/truth` compares two halves of the real set: what equal distributions measure.
"""

from functools import partial
from typing import Any

from benchmarks.metrics.features import Network, features, network
from benchmarks.metrics.frechet import (
    frechet_interval,
    kernel_distance,
    over_halves,
)
from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.samples.folder import Source, Unavailable

ENOUGH = 2048  # samples below which a Frechet distance is mostly bias


def set_distance(session: Session, *, source: Source, of: Network, kernel: bool) -> Measured:
    """KID or the Frechet distance of the painted pictures from the true ones (in editing without
    true pictures of the words: from the real ones, which show others)."""
    if len(session.folder) < 4:
        raise Unavailable(f"a distance of sets needs 4 samples, here are {len(session.folder)}")
    own, against = network(session, of), _against(session)
    real = features(session, of, against)
    details: dict[str, Any] = {"against": against}
    warnings: tuple[str, ...] = ()
    if source == "truth":
        estimate = over_halves(real, kernel=kernel)
        details["n of a half"] = len(real) // 2
    elif kernel:
        estimate = kernel_distance(features(session, of, source), real)
    else:
        estimate = frechet_interval(features(session, of, source), real)
        if len(real) < ENOUGH:
            key = ("floor", of)
            if key not in session.kept:
                session.kept[key] = over_halves(real, kernel=False).value
            floor = session.kept[key]
            details["floor between halves of the real set"] = floor
            warnings = few(len(real), floor)
    return Measured(estimate=estimate, backbone=own.backbone, details=details, warnings=warnings)


def few(n: int, floor: float) -> tuple[str, ...]:
    """The warning printed beside a Frechet distance of few samples."""
    return (
        f"n = {n} is below {ENOUGH}: biased upwards, comparable only at the same n; two halves "
        f"of the real set ({n // 2} each) already measure {floor:.4g}",
    )


def _against(session: Session) -> Source:
    try:
        return session.folder.reference
    except Unavailable:
        return "truth"


NETWORKS: dict[str, tuple[Network, bool]] = {
    "KID-EffNetLite0": ("EffNetLite0", True),
    "FD-EffNetLite0": ("EffNetLite0", False),
    "KID": ("Inception", True),
    "FID": ("Inception", False),
    "KID-pytorch": ("Inception-pytorch", True),
    "FID-pytorch": ("Inception-pytorch", False),
    "FD-DINOv2": ("DINOv2", False),
}

METRICS = [
    Metric(
        name=f"{name}/{source}",
        version=2,  # of 1: in editing, against true pictures of the words where they are
        direction="lower",
        unit="distance",
        reads=source,
        view="whole",
        interval="random halves" if source == "truth" else "jackknife over images",
        agrees_with=("clean-fid",),
        measure=partial(set_distance, source=source, of=of, kernel=kernel),
    )
    for name, (of, kernel) in NETWORKS.items()
    for source in ("raw", "composited", "truth")
]
