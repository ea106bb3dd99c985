"""What several seeds, photographs and words allow one to say about a score or a difference.

The hierarchical bootstrap draws seeds, then photographs and words (crossed: a word stands on
several photographs), then images, each with replacement. Scores and their differences are means,
and of a mean each level's bootstrap variance is known without drawing: with G groups whose sums of
centred values are u_g, `G / (G - 1) sum u_g^2 / N^2`, the factor being what a bootstrap of few
groups lacks. So levels are computed one by one and added, which no number of draws would sharpen,
and which tells how many groups each rests on: the t quantile's degrees of freedom are
Satterthwaite's (1946). Drawing every level at once would count the noise of single images once a
level (Owen 2007), and the percentiles of three drawn seeds are hardly more than their range;
`benchmarks.perf.coverage` measures both. `resampled` draws, for statistics that are no means.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.metrics.statistics import LEVEL, RESAMPLES, Estimate


@dataclass(frozen=True)
class Panel:
    """One metric of one variant: every seed on the same images.

    Attributes:
        values: (S, N), a row a seed and a column an image; one row for a system without seeds.
        photographs: (N,) integer codes of the picture each image stands on; None where unknown.
        words: (N,) integer codes of the words painted; None where unknown.
    """

    values: np.ndarray
    photographs: np.ndarray | None = None
    words: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or 0 in self.values.shape or np.isnan(self.values).any():
            raise ValueError(f"a panel holds seeds x images, no NaN: {self.values.shape}")
        for codes in (self.photographs, self.words):
            if codes is not None and len(codes) != self.values.shape[1]:
                raise ValueError(f"{len(codes)} codes for {self.values.shape[1]} images")

    def pairs(self, other: "Panel") -> bool:
        """Whether the two have the same images and as many seeds, or one of them no seeds."""
        (seeds, n), (others, m) = self.values.shape, other.values.shape
        return n == m and (seeds == others or 1 in (seeds, others))

    def minus(self, other: "Panel") -> "Panel":
        """Paired differences; a system without seeds stands beside each seed of the other.

        Raises:
            ValueError: the two do not pair.
        """
        if not self.pairs(other):
            raise ValueError(f"panels do not pair: {self.values.shape}, {other.values.shape}")
        return Panel(self.values - other.values, self.photographs, self.words)


class Spread(NamedTuple):
    """A mean's variance, and the degrees of freedom with which it is known."""

    variance: float
    df: float


class Difference(NamedTuple):
    """A mean difference with its interval, and p of its being 0 (two-sided)."""

    value: float
    low: float
    high: float
    p: float


def spread(panel: Panel) -> Spread:
    """Variance of the panel's mean over seeds, photographs, words and images."""
    seeds, images = panel.values.shape
    mean = panel.values.mean()
    levels = [_level(panel.values.mean(1) - mean, np.arange(seeds), seeds)] if seeds > 1 else []
    of_images = panel.values.mean(0) - mean
    if images > 1:
        levels.append(_crossed(of_images, panel.photographs, panel.words))
    total = sum(level.variance for level in levels)
    if total <= 1e-24 * np.square(panel.values).max():  # what rounding leaves of none
        return Spread(0.0, np.inf)
    return Spread(total, total**2 / sum(level.variance**2 / level.df for level in levels))


def _crossed(values: np.ndarray, *clusters: np.ndarray | None) -> Spread:
    """Variance over crossed clusters, an image in one of each: the sum of the clusters' less the
    single images', which both contain (Cameron, Gelbach & Miller 2011), and no less than any."""
    alone = _level(values, np.arange(len(values)), len(values))
    known = [
        _level(values, codes, len(values))
        for codes in clusters
        if codes is not None and len(np.unique(codes)) > 1
    ]
    if not known:
        return alone
    both = sum(level.variance for level in known) - (len(known) - 1) * alone.variance
    widest = max([*known, alone], key=lambda level: level.variance)
    return Spread(max(both, widest.variance), min(level.df for level in known))


def _level(values: np.ndarray, codes: np.ndarray, n: int) -> Spread:
    """Bootstrap variance of the mean of centred values (n,) when groups of them are drawn."""
    sums = np.bincount(np.unique(codes, return_inverse=True)[1], weights=values)
    groups = len(sums)
    return Spread(float(groups / (groups - 1) * (sums**2).sum() / n**2), groups - 1)


def score(
    panel: Panel, *, bounds: tuple[float, float] | None = None, level: float = LEVEL
) -> Estimate:
    """The panel's mean with its interval; n counts images.

    Args:
        bounds: the metric's range where it has one: the interval is then Korn & Graubard's (1998),
            a Clopper-Pearson interval of as many independent images as the variance amounts to;
            it stays inside, and a trained zero has the width its images allow. Symmetric without.
    """
    from scipy.stats import beta, norm, t

    seeds, n = panel.values.shape
    value = float(panel.values.mean())
    variance, df = spread(panel)
    quantile = t.ppf(0.5 + level / 2, df)
    if bounds is None:
        half = quantile * np.sqrt(variance)
        return Estimate(value, value - half, value + half, n)
    low, high = bounds
    share = (value - low) / (high - low)
    counted = bool(np.isin(panel.values, bounds).all())
    if variance:
        effective = share * (1 - share) / (variance / (high - low) ** 2)
        if counted:  # no image says more than one answer a seed
            effective = min(effective, seeds * n)
        effective *= (norm.ppf(0.5 + level / 2) / quantile) ** 2
    elif counted:
        effective = float(n)  # seeds that agree everywhere are not counted as more images
    else:
        return Estimate(value, value, value, n)
    x = share * effective
    tail = 0.5 - level / 2
    below = beta.ppf(tail, x, effective - x + 1) if share > 0 else 0.0
    above = beta.ppf(1 - tail, x + 1, effective - x) if share < 1 else 1.0
    width = high - low
    return Estimate(value, low + width * float(below), low + width * float(above), n)


def difference(panel: Panel, *, most: float = np.inf, level: float = LEVEL) -> Difference:
    """The mean of a panel of paired differences, with its interval and p.

    Args:
        most: the largest difference there can be, 1 of two proportions.
    """
    from scipy.stats import t

    value = float(panel.values.mean())
    variance, df = spread(panel)
    n = panel.values.shape[1]
    if variance == 0 and n > 1 and np.isin(panel.values, (-1, 0, 1)).all():
        # Every pair says the same: no more of them than this can be otherwise, by rule of three.
        half = 1 - (0.5 - level / 2) ** (1 / n)
        p = 1.0 if value == 0 else 2.0 ** (1 - n)
    else:
        error = np.sqrt(variance)
        half = t.ppf(0.5 + level / 2, df) * error
        p = 2 * t.sf(abs(value) / error, df) if error else float(value == 0)
    return Difference(value, max(-most, value - half), min(most, value + half), float(p))


def score_of_runs(
    values: ArrayLike, errors: ArrayLike | None = None, *, level: float = LEVEL
) -> Estimate:
    """Mean over seeds of a number that a run has as a whole, as a Frechet distance.

    Args:
        values: (S,), one a seed.
        errors: (S,), its standard error over images, shared by the seeds: they paint the same
            ones. Without, and with one seed, the interval is unbounded.
    """
    from scipy.stats import t

    x = np.asarray(values, float)
    variance, df = _spread_of_runs(x, errors)
    half = float(t.ppf(0.5 + level / 2, df) * np.sqrt(variance))
    return Estimate(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half, len(x))


def difference_of_runs(
    a: ArrayLike, b: ArrayLike, errors: ArrayLike, *, level: float = LEVEL
) -> Difference:
    """Mean over seeds of a - b, numbers that runs have as a whole; one value stands for every seed.

    Args:
        errors: (S,) standard errors over images of the differences.
    """
    from scipy.stats import t

    x = np.atleast_1d(np.asarray(a, float) - np.asarray(b, float))
    variance, df = _spread_of_runs(x, np.broadcast_to(errors, x.shape))
    value, error = float(x.mean()), np.sqrt(variance)
    half = float(t.ppf(0.5 + level / 2, df) * error)
    p = float(2 * t.sf(abs(value) / error, df)) if error else float(value == 0)
    return Difference(value, value - half, value + half, p)


def _spread_of_runs(values: np.ndarray, errors: ArrayLike | None) -> Spread:
    seeds = len(values)
    between = float(values.var(ddof=1)) / seeds if seeds > 1 else 0.0
    within = float(np.mean(np.square(errors))) if errors is not None else 0.0
    if seeds == 1 and errors is None:
        return Spread(np.inf, np.inf)
    df = (between + within) ** 2 / (between**2 / (seeds - 1)) if between else np.inf
    return Spread(between + within, df)


def resampled(
    panel: Panel,
    statistic: Callable[[np.ndarray, np.ndarray], float],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of any statistic by drawing seeds, then photographs, then their images.

    Args:
        statistic: of drawn seeds (S,) and drawn images (M,), both as indices into the panel.
    """
    rng = np.random.default_rng(seed)
    seeds, n = panel.values.shape
    codes = np.arange(n) if panel.photographs is None else panel.photographs
    order, sizes = np.argsort(codes, kind="stable"), np.unique(codes, return_counts=True)[1]
    starts = np.cumsum(sizes) - sizes
    found = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(sizes), len(sizes))
        within: np.ndarray = np.repeat(sizes[chosen], sizes[chosen])
        images = np.repeat(starts[chosen], sizes[chosen])
        images = order[images + (rng.random(len(images)) * within).astype(int)]
        drawn = rng.integers(0, seeds, size=(seeds,))
        found.append(statistic(drawn, images))
    low, high = np.nanquantile(found, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
