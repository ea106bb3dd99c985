"""What a metric is: the whole contract. The metrics that there are stand in `registry`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from benchmarks.metrics.judges.catalogue import judge
from benchmarks.metrics.judges.readings import Readings
from benchmarks.metrics.options import Options
from benchmarks.metrics.statistics import Estimate
from benchmarks.samples.folder import SampleFolder, Source, Unavailable

Direction = Literal["higher", "lower"]
Interval = Literal[
    "Wilson",
    "bootstrap over images",
    "bootstrap of a ratio",  # of sums over the same images, resampled together
    "jackknife over images",
    "random halves",
]


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
    direction: Direction
    unit: str
    interval: Interval
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
        interval: where the 95 % interval comes from.
        agrees_with: libraries whose own numbers it has, as tests show.
        measure: computes it. Raises `Unavailable` or `UserError` with the reason where data or
            weights do not allow it; any other error is a bug and fails the scoring.
    """

    name: str
    version: int
    direction: Direction
    unit: str
    reads: Source | Literal["attention"]
    view: Literal["whole", "crop"]
    interval: Interval
    agrees_with: tuple[str, ...] = ()
    measure: Callable[["Session"], Measured]


@dataclass(frozen=True)
class Session:
    """One folder being scored; what several metrics need is computed once and kept here."""

    folder: SampleFolder
    options: Options

    @cached_property
    def readings(self) -> Readings:
        """The first judge, which SeqAcc and NED stand on."""
        return Readings(judge(self.options.judge, self.options.cache), self.options.cache)

    @cached_property
    def second_readings(self) -> Readings:
        """The second judge, another network trained apart from the first."""
        name = self.options.second_judge
        if name == self.options.judge:
            raise Unavailable(f"both judges are {name}: name another with scoring.second_judge")
        return Readings(judge(name, self.options.cache), self.options.cache)

    @cached_property
    def kept(self) -> dict[Any, Any]:
        """Results shared between metrics, by a key of the metrics' own."""
        return {}
