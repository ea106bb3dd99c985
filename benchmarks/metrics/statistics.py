"""Intervals and tests of one run's scores: pure functions of numbers, every random one seeded.

Over one run's images alone; what several seeds, photographs and words allow one to say is in
`benchmarks.metrics.hierarchy`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

RESAMPLES = 2000
LEVEL = 0.95


class Estimate(NamedTuple):
    """A value with its 95 % interval (unless another level was asked for) and its n."""

    value: float
    low: float
    high: float
    n: int


def wilson(successes: float, n: int, *, level: float = LEVEL) -> Estimate:
    """Wilson's score interval of a proportion (Wilson 1927)."""
    from scipy.stats import binomtest

    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"wilson needs 0 <= successes <= n and n >= 1, not {successes} of {n}")
    low, high = binomtest(round(successes), n).proportion_ci(level, method="wilson")
    return Estimate(successes / n, float(low), float(high), n)


def bootstrap(
    values: ArrayLike,
    statistic: Callable[[np.ndarray], np.ndarray] | None = None,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Estimate:
    """Percentile bootstrap over the first axis of `values` (n, ...).

    Args:
        statistic: maps (R, n, ...) resampled values to (R,) statistics; the mean when absent.
    """
    x = _sample(values)
    statistic = statistic or (lambda a: a.mean(axis=1))
    rng = np.random.default_rng(seed)
    block = max(1, 4_000_000 // x.size)
    drawn = [
        statistic(x[rng.integers(0, len(x), (min(block, resamples - start), len(x)))])
        for start in range(0, resamples, block)
    ]
    low, high = np.nanquantile(np.concatenate(drawn), [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(float(statistic(x[None])[0]), float(low), float(high), len(x))


def paired_bootstrap(
    a: ArrayLike, b: ArrayLike, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Estimate:
    """Mean of a - b over the same samples, resampled together."""
    a, b = _paired(a, b)
    return bootstrap(a - b, resamples=resamples, level=level, seed=seed)


def ratio_bootstrap(
    a: ArrayLike, b: ArrayLike, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Estimate:
    """Ratio of means mean(a) / mean(b) over the same samples, resampled together."""
    a, b = _paired(a, b)
    if b.mean() == 0:
        raise ValueError("the ratio's denominator has mean 0")

    def ratio(pairs: np.ndarray) -> np.ndarray:
        top, bottom = np.moveaxis(pairs.mean(axis=1), -1, 0)
        return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom != 0)

    return bootstrap(np.stack([a, b], 1), ratio, resamples=resamples, level=level, seed=seed)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values over one table (Holm 1979), in the given order."""
    p = np.asarray(p_values, float)
    if np.isnan(p).any() or ((p < 0) | (p > 1)).any():
        raise ValueError(f"p-values must lie in 0..1: {list(p_values)}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted.tolist()


def spearman(
    a: ArrayLike, b: ArrayLike, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Estimate:
    """Spearman's rank correlation with a bootstrap interval over the pairs; ties averaged."""
    from scipy.stats import rankdata

    a, b = _paired(a, b)

    def correlation(pairs: np.ndarray) -> np.ndarray:
        ranks = rankdata(pairs, axis=1)
        ranks -= ranks.mean(axis=1, keepdims=True)
        x, y = ranks[..., 0], ranks[..., 1]
        with np.errstate(invalid="ignore"):
            return (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))

    return bootstrap(np.stack([a, b], 1), correlation, resamples=resamples, level=level, seed=seed)


def spearman_of_few(a: ArrayLike, b: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """Spearman's rank correlation of a handful of pairs, by Bonett & Wright's (2000) formula.

    A bootstrap of four to twenty pairs is far too sure of itself. At least four pairs.
    """
    from scipy.special import ndtri
    from scipy.stats import spearmanr

    a, b = _paired(a, b)
    if len(a) < 4:
        raise ValueError(f"a correlation's interval needs 4 pairs, here are {len(a)}")
    value = float(spearmanr(a, b).statistic)
    half = ndtri(0.5 + level / 2) * np.sqrt((1 + value**2 / 2) / (len(a) - 3))
    centre = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    return Estimate(value, float(np.tanh(centre - half)), float(np.tanh(centre + half)), len(a))


def _sample(values: ArrayLike) -> np.ndarray:
    x = np.asarray(values, float)
    if len(x) == 0 or np.isnan(x).any():
        raise ValueError(f"a statistic needs at least one value and no NaN; got n = {len(x)}")
    return x


def _paired(a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = _sample(a), _sample(b)
    if a.shape != b.shape:
        raise ValueError(f"paired values must be as many: {len(a)} and {len(b)}")
    return a, b
