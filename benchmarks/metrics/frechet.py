"""The Frechet distance between two sets of features, with an interval, and KID.

    |mu_a - mu_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a S_b)^(1/2))

With A and B the centred features over sqrt(n - 1), the last trace is the nuclear norm of A B^T:
exact, and with fewer samples than features far cheaper than the square root of a covariance.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.metrics.statistics import Estimate


class Distance(NamedTuple):
    """The distance, and each sample's influence on it: its derivative in the sample's weight."""

    value: float
    influence_a: np.ndarray
    influence_b: np.ndarray


def frechet_distance(a: np.ndarray, b: np.ndarray) -> Distance:
    """Frechet distance of features (n, d) and (m, d).

    Raises:
        ValueError: another number of features, or fewer than two samples.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features must be (n, d) and (m, d) with one d: {a.shape}, {b.shape}")
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a Frechet distance needs two samples a side: {len(a)} and {len(b)}")
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    shift = a.mean(0) - b.mean(0)
    a, b = a - a.mean(0), b - b.mean(0)
    scaled_a, scaled_b = a / np.sqrt(len(a) - 1), b / np.sqrt(len(b) - 1)
    norm_a, norm_b = (scaled_a**2).sum(1), (scaled_b**2).sum(1)
    nuclear, share_a, share_b = _nuclear(scaled_a, scaled_b)
    value = shift @ shift + norm_a.sum() + norm_b.sum() - 2 * nuclear
    influence_a = 2 * a @ shift + len(a) * (norm_a - share_a)
    influence_b = -2 * b @ shift + len(b) * (norm_b - share_b)
    return Distance(
        max(0.0, float(value)), influence_a - influence_a.mean(), influence_b - influence_b.mean()
    )


def frechet_interval(a: np.ndarray, b: np.ndarray, *, level: float = 0.95) -> Estimate:
    """The distance of paired sets (sample i of `a` answers to sample i of `b`) with an interval.

    The interval is the infinitesimal jackknife's (Efron 1982): it tells how the distance *at this
    n* varies from draw to draw of samples, not its bias, which the floor shows.
    """
    from scipy.special import ndtri

    if len(a) != len(b):
        raise ValueError(f"paired sets must be as many: {len(a)} and {len(b)}")
    distance = frechet_distance(a, b)
    deviation = np.sqrt(((distance.influence_a + distance.influence_b) ** 2).sum()) / len(a)
    half = float(ndtri(0.5 + level / 2) * deviation)
    return Estimate(distance.value, max(0.0, distance.value - half), distance.value + half, len(a))


def over_halves(
    features: np.ndarray, *, kernel: bool, level: float = 0.95, repeats: int = 20, seed: int = 0
) -> Estimate:
    """Mean distance (KID or Frechet) between two random halves of one set, over `repeats` drawings
    of the halves and with their spread: what equal distributions measure at half the n."""
    half, values = len(features) // 2, []
    features = np.asarray(features, np.float64)
    for order in _orders(len(features), repeats, seed):
        a, b = features[order[:half]], features[order[half : 2 * half]]
        values.append(_kid(a, b) if kernel else frechet_distance(a, b).value)
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(float(np.mean(values)), float(low), float(high), half)


def _orders(n: int, repeats: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(n) for _ in range(repeats)]


def _nuclear(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """|A B^T|_* and each row's share of it: the diagonals of (M M^T)^(1/2) and (M^T M)^(1/2)."""
    # Where samples outnumber features, rotate both into the d-dimensional row spaces first:
    # A = Q_a R_a, so that M = Q_a (R_a R_b^T) Q_b^T.
    basis_a, a = np.linalg.qr(a) if len(a) > a.shape[1] else (None, a)
    basis_b, b = np.linalg.qr(b) if len(b) > b.shape[1] else (None, b)
    u, s, vt = np.linalg.svd(a @ b.T, full_matrices=False)
    u = u if basis_a is None else basis_a @ u
    v = vt.T if basis_b is None else basis_b @ vt.T
    return float(s.sum()), (u**2) @ s, (v**2) @ s


def kernel_distance(a: np.ndarray, b: np.ndarray, *, level: float = 0.95) -> Estimate:
    """KID of paired sets as clean-fid computes it, with a jackknife interval over the pairs.

    The kernel is (x.y / d + 1)^3 (Binkowski et al. 2018); the estimate is unbiased, so it may be
    negative. Above 1,000 samples clean-fid averages over random subsets, seeded here.
    """
    from scipy.special import ndtri

    if len(a) != len(b) or len(a) < 4:
        raise ValueError(f"KID needs paired sets of at least 4: {len(a)} and {len(b)}")
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    value = _kid(a, b)
    without = _without_each_pair(a, b)
    n = len(a)
    deviation = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    half = float(ndtri(0.5 + level / 2) * deviation)
    return Estimate(value, value - half, value + half, n)


def _kid(a: np.ndarray, b: np.ndarray) -> float:
    from cleanfid.fid import kernel_distance as cleanfid_kernel_distance

    state = np.random.get_state()
    try:
        np.random.seed(0)  # clean-fid draws from numpy's global generator
        return float(cleanfid_kernel_distance(a, b, num_subsets=100 if len(a) > 1000 else 1))
    finally:
        np.random.set_state(state)


def _without_each_pair(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) unbiased kernel distances, each leaving out one pair; n x 512 numbers at a time."""
    n, d = a.shape
    rows = np.zeros((4, n))  # within a, within b, a against b, b against a
    for start in range(0, n, 512):
        part = slice(start, start + 512)
        for row, (x, y) in zip(rows, ((a, a), (b, b), (a, b), (b, a)), strict=True):
            row[part] = ((x[part] @ y.T / d + 1) ** 3).sum(1)
    within_a, within_b, across, back = rows
    within_a -= ((a * a).sum(1) / d + 1) ** 3
    within_b -= ((b * b).sum(1) / d + 1) ** 3
    own = ((a * b).sum(1) / d + 1) ** 3
    inside = sum((w.sum() - 2 * w) / ((n - 1) * (n - 2)) for w in (within_a, within_b))
    return inside - 2 * (across.sum() - across - back + own) / (n - 1) ** 2
