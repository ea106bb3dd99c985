"""Which metrics there are, and `score_samples`, which computes them.

    from benchmarks.metrics.registry import score_samples
    for score in score_samples(folder):
        print(score.metric, score.value, score.low, score.high, score.n, score.backbone)

Names end in what they read: `SeqAcc/raw` reads the network's own image, `SeqAcc/composited` the
one with the old pixels put back outside the region. The two never share a column.
`dreamtext metrics` prints them all.

torchmetrics computes what it computes as the field does: SSIM, PSNR and MSE, and edit distances.
FID and KID are clean-fid's, LPIPS is lpips' (torchmetrics' is the same, but downloads its trunk).
Our own are the scores of masks, which it has not, or not for each character by itself.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.metrics import (
    attention,
    background,
    neighbours,
    overlap,
    pairs,
    rendering,
    sets,
    text,
    two_judges,
    word_pictures,
)
from benchmarks.metrics.features import network
from benchmarks.metrics.judges.catalogue import DEFAULT_JUDGE, SECOND_JUDGE
from benchmarks.metrics.metric import Metric, Score, Session
from benchmarks.metrics.options import Options
from benchmarks.samples.folder import SampleFolder, Unavailable
from dreamtext.errors import UserError


def registered() -> dict[str, Metric]:
    """Every metric by name, in the order of a table's columns."""
    modules = (
        *(text, two_judges, neighbours, overlap, attention),
        *(sets, pairs, background, rendering, word_pictures),
    )
    metrics = [metric for module in modules for metric in module.METRICS]
    return {metric.name: metric for metric in metrics}


_PAINTED = ("raw", "composited")
_ALL = (*_PAINTED, "truth")


def _of(sources: Sequence[str], *names: str) -> tuple[str, ...]:
    return tuple(f"{name}/{source}" for name in names for source in sources)


DEFAULT_METRICS = (
    *_of(_ALL, "SeqAcc"),
    *_of(_PAINTED, "SeqAcc-relative"),
    *_of(_ALL, "SeqAcc-ci", "NED", "CER", "SeqAcc-second", "SeqAcc-either", "judges-agree"),
    *_of(_PAINTED, "text-survival"),
    *("mIoU", "mIoU-ceiling", "mIoU-relative"),
    *("mask-precision", "mask-recall", "mask-boundary-F", "attention-AP", "attention-mass"),
    *_of(_ALL, "KID-EffNetLite0", "FD-EffNetLite0"),
    *_of(_PAINTED, "effdist"),
    *(m.name for m in background.METRICS),
    *(m.name for m in rendering.METRICS),
)
_WITH_WEIGHTS = {  # by the option that names them
    "inception": _of(_ALL, "KID", "FID"),
    "inception_pytorch": _of(_ALL, "KID-pytorch", "FID-pytorch"),
    "alexnet": _of(_PAINTED, "LPIPS"),
    "dinov2": (*_of(_ALL, "FD-DINOv2"), *_of(_PAINTED, "DINOv2-similarity")),
    "clip": _of(_PAINTED, "CLIP-similarity"),
}


_OF_DATA = {"scenepair": tuple(m.name for m in word_pictures.METRICS)}


def default_metrics(options: Options | None = None) -> tuple[str, ...]:
    """The default set, with those of the data set alone, and those whose weight files were
    given."""
    options = options or Options()
    given = [names for option, names in _WITH_WEIGHTS.items() if getattr(options, option)]
    names = (*DEFAULT_METRICS, *_OF_DATA.get(options.data, ()))
    return names + tuple(name for more in given for name in more)


def chosen(names: Sequence[str] | None = None, options: Options | None = None) -> list[Metric]:
    """Metrics by name; the default set when none are named.

    `mIoU@0.3` is mIoU at that timestep alone.

    Raises:
        UserError: an unknown name, with the nearest known one.
    """
    known = registered()
    names = names or default_metrics(options)
    for name in names:
        if metric := overlap.at_timestep(name):
            known[name] = metric
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; the nearest known one is '{near[0]}'" if near else ""
            raise UserError(f"unknown metric '{name}'{hint}; known are {', '.join(known)}")
    return [known[name] for name in names]


def versions(names: Sequence[str] | None = None, options: Options | None = None) -> dict[str, int]:
    """Version of each metric: part of a score run's signature, so that a corrected metric
    scores again without sampling again."""
    return {metric.name: metric.version for metric in chosen(names, options)}


def score_samples(
    folder: Path | str,
    metrics: Sequence[str] | None = None,
    options: Options | None = None,
) -> list[Score]:
    """Score a folder of samples (see `benchmarks.samples.folder` for its layout).

    Args:
        folder: what the sample stage wrote.
        metrics: names from `registered()`; None takes `default_metrics(options)`.
        options: judge, mask settings, weight files and cache; None takes the defaults.

    Returns:
        One `Score` a metric, in the given order. A metric that data or weights do not allow has
        the value None and a reason; it never stops the others. Any other error is a bug, or the
        machine's, and fails the scoring.

    Raises:
        UserError: the folder is no folder of samples, a metric's name is unknown, or a given judge
            or weight file is missing or another than it is named for.
    """
    session = Session(SampleFolder(Path(folder)), options or Options())
    wanted = chosen(metrics, session.options)
    _ = session.folder.lines  # reads and checks samples.jsonl before any work
    _open_given(session)
    return [_score(metric, session) for metric in wanted]


def _open_given(session: Session) -> None:
    """Load the judge and the weight files that were given, so that a wrong one is refused before
    any work; without one its metrics say so."""
    session.options.given()
    options = session.options
    if options.judge != DEFAULT_JUDGE:
        _ = session.readings
    if options.second_judge not in (SECOND_JUDGE, options.judge):
        _ = session.second_readings
    if options.inception:
        network(session, "Inception")
    if options.inception_pytorch:
        network(session, "Inception-pytorch")
    if options.alexnet:
        pairs.lpips_network(options.alexnet)
    if options.dinov2:
        network(session, "DINOv2")
    if options.clip:
        network(session, "CLIP")


def _score(metric: Metric, session: Session) -> Score:
    row: dict[str, Any] = {
        "metric": metric.name,
        "version": metric.version,
        "direction": metric.direction,
        "unit": metric.unit,
        "interval": metric.interval,
    }
    folder = session.folder
    if not folder.records:
        why = folder.lines[0].unsupported
        return Score(**row, reason=f"none of the {len(folder.lines)} samples is supported: {why}")
    try:
        measured = metric.measure(session)
    except (Unavailable, UserError) as reason:
        return Score(**row, reason=str(reason))
    value, low, high, n = measured.estimate
    per_image = {}
    if (values := measured.per_image) is not None:  # what a system does not support has none
        known = dict(zip(folder.ids, map(_plain, values), strict=True))
        per_image = {line.id: known.get(line.id) for line in folder.lines}
    return Score(
        **row,
        value=value,
        low=low,
        high=high,
        n=n,
        backbone=measured.backbone,
        per_image=per_image,
        details=measured.details,
        warnings=measured.warnings,
    )


def _plain(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
