"""Which metrics there are, and `score_samples`, which computes them.

    from benchmarks.metrics.registry import score_samples
    for score in score_samples(folder):
        print(score.metric, score.value, score.low, score.high, score.n, score.backbone)

Names end in what they read: `SeqAcc/raw` reads the network's own image, `SeqAcc/composited` the
one with the old pixels put back outside the region. The two never share a column.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.metrics import canonical, distances, overlap, text
from benchmarks.metrics.judges.catalogue import DEFAULT_JUDGE
from benchmarks.metrics.metric import Metric, Score, Session
from benchmarks.metrics.options import Options
from benchmarks.samples.folder import SampleFolder, Unavailable
from dreamtext.errors import UserError


def registered() -> dict[str, Metric]:
    """Every metric by name, in the order of a table's columns."""
    modules = (text, overlap, canonical, distances)
    metrics = [metric for module in modules for metric in module.METRICS]
    return {metric.name: metric for metric in metrics}


DEFAULT_METRICS = (
    *("SeqAcc/raw", "SeqAcc/composited", "SeqAcc/truth"),
    *("SeqAcc-relative/raw", "SeqAcc-relative/composited"),
    *("SeqAcc-ci/raw", "SeqAcc-ci/composited", "SeqAcc-ci/truth"),
    *("NED/raw", "NED/composited", "NED/truth"),
    *("mIoU", "mIoU-ceiling", "mIoU-relative"),
    *("FD-EffNetLite0/raw", "FD-EffNetLite0/composited"),
    *("effdist/raw", "effdist/composited"),
)


def default_metrics(options: Options | None = None) -> tuple[str, ...]:
    """The default set, with FID, KID and LPIPS where their weight files were given."""
    names = [*(("FID", "KID") if options and options.inception else ())]
    names += ["LPIPS"] if options and options.alexnet else []
    canonical = tuple(f"{name}/{source}" for name in names for source in ("raw", "composited"))
    return DEFAULT_METRICS + canonical


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
    if not session.folder.records:  # reads and checks samples.jsonl before any work
        raise UserError(f"'{folder}' holds no samples")
    _open_given(session)
    return [_score(metric, session) for metric in wanted]


def _open_given(session: Session) -> None:
    """Load the judge and the weight files that were given, so that a wrong one is refused before
    any work; without one its metrics say so."""
    session.options.given()
    if session.options.judge != DEFAULT_JUDGE:
        _ = session.readings
    if session.options.inception:
        canonical.inception_network(session.options.inception)
    if session.options.alexnet:
        canonical.lpips_network(session.options.alexnet)


def _score(metric: Metric, session: Session) -> Score:
    row = {
        "metric": metric.name,
        "version": metric.version,
        "direction": metric.direction,
        "unit": metric.unit,
    }
    try:
        measured = metric.measure(session)
    except (Unavailable, UserError) as reason:
        return Score(**row, reason=str(reason))
    value, low, high, n = measured.estimate
    values = measured.per_image
    return Score(
        **row,
        value=value,
        low=low,
        high=high,
        n=n,
        backbone=measured.backbone,
        per_image=dict(zip(session.folder.ids, map(_plain, values), strict=True)) if values else {},
        details=measured.details,
        warnings=measured.warnings,
    )


def _plain(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
