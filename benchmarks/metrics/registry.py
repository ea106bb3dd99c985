"""What a metric is, which ones there are, and `score_samples`, which computes them.

    from benchmarks.metrics.registry import score_samples
    for score in score_samples(folder):
        print(score.metric, score.value, score.low, score.high, score.n, score.backbone)

Names end in what they read: `SeqAcc/raw` reads the network's own image, `SeqAcc/composited` the
one with the old pixels put back outside the region. The two never share a column.
"""

import difflib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.metrics.judges.readings import DEFAULT_JUDGE, Readings, judge
from benchmarks.metrics.options import Options
from benchmarks.metrics.statistics import Estimate
from benchmarks.samples.folder import SampleFolder, Unavailable
from dreamtext.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Score:
    """One row: a value with its 95 % interval, or None and the reason why there is none.

    Attributes:
        per_image: values by sample id, None where a sample has none; {} for metrics of sets.
        details: settings and findings worth keeping beside the row, as plain JSON values.
        warnings: what a reader of the number must know.
    """

    metric: str
    version: int
    direction: Literal["higher", "lower"]
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    backbone: str = ""
    reason: str = ""
    per_image: dict[str, float | None] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a metric's function returns; `per_image` is in the order of the samples, or None."""

    estimate: Estimate
    backbone: str = ""
    per_image: Sequence[float | None] | None = None
    details: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: its name and meaning, and the function that measures it.

    Attributes:
        version: raised whenever the same images would give another number.
        reads: which images (or the saved attention) it looks at.
        view: whole images, or crops of the region.
        measure: computes it; raises `Unavailable` with a reason where it cannot.
    """

    name: str
    version: int
    direction: Literal["higher", "lower"]
    unit: str
    reads: Literal["raw", "composited", "truth", "attention"]
    view: Literal["whole", "crop"]
    measure: Callable[["Session"], Measured]


@dataclass(frozen=True)
class Session:
    """One folder being scored; what several metrics need is computed once and kept here."""

    folder: SampleFolder
    options: Options

    @cached_property
    def readings(self) -> Readings:
        return Readings(judge(self.options.judge, self.options.cache), self.options.cache)

    def open_given(self) -> None:
        """Load the judge and the weight files that were given, so that a wrong one is refused
        before any work; without one its metrics say so."""
        from benchmarks.metrics import canonical

        self.options.given()
        if self.options.judge != DEFAULT_JUDGE:
            _ = self.readings
        if self.options.inception:
            canonical.inception_network(self.options.inception)
        if self.options.alexnet:
            canonical.lpips_network(self.options.alexnet)

    @cached_property
    def kept(self) -> dict[Any, Any]:
        """Results shared between metrics, by a key of the metrics' own."""
        return {}


def registered() -> dict[str, Metric]:
    """Every metric by name, in the order of a table's columns."""
    from benchmarks.metrics import canonical, distances, overlap, text

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
    from benchmarks.metrics.overlap import at_timestep

    known = registered()
    names = names or default_metrics(options)
    for name in names:
        if metric := at_timestep(name):
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
        One `Score` a metric, in the given order. A metric that cannot be computed has the value
        None and a reason; it never stops the others.

    Raises:
        UserError: the folder is no folder of samples, a metric's name is unknown, or a given judge
            or weight file is missing or another than it is named for.
    """
    session = Session(SampleFolder(Path(folder)), options or Options())
    wanted = chosen(metrics, session.options)
    if not session.folder.records:  # reads and checks samples.jsonl before any work
        raise UserError(f"'{folder}' holds no samples")
    session.open_given()
    return [_score(metric, session) for metric in wanted]


def _score(metric: Metric, session: Session) -> Score:
    row = {
        "metric": metric.name,
        "version": metric.version,
        "direction": metric.direction,
        "unit": metric.unit,
    }
    try:
        measured = metric.measure(session)
    except Unavailable as reason:
        return Score(**row, reason=str(reason))
    except Exception as error:
        log.warning("%s could not be computed", metric.name, exc_info=error)
        return Score(**row, reason=f"{type(error).__name__}: {error}")
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
