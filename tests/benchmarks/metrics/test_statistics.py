"""Intervals and tests agree with scipy and statsmodels, and cover as often as they say."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.metrics import statistics


@settings(deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_statsmodels(case):
    from statsmodels.stats.proportion import proportion_confint

    k, n = case
    value, low, high, count = statistics.wilson(k, n)
    assert (value, count) == (k / n, n)
    assert (low, high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)
    assert 0 <= low <= value <= high <= 1


def test_wilson_refuses_impossible_counts():
    with pytest.raises(ValueError, match="5 of 4"):
        statistics.wilson(5, 4)


def test_bootstrap_agrees_with_scipy():
    x = np.random.default_rng(0).gamma(2, size=60)
    ours = statistics.bootstrap(x, resamples=20_000, seed=1)
    theirs = stats.bootstrap(
        (x,), np.mean, n_resamples=20_000, method="percentile"
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_bootstrap_is_seeded():
    x = np.arange(20.0)
    assert statistics.bootstrap(x, seed=3) == statistics.bootstrap(x, seed=3)
    assert statistics.bootstrap(x, seed=3) != statistics.bootstrap(x, seed=4)


@pytest.mark.parametrize(
    "interval", [statistics.paired_bootstrap, statistics.ratio_bootstrap, statistics.spearman]
)
def test_what_is_not_asked_for_is_2000_draws_of_95_percent_from_seed_0(interval):
    """Committed intervals stand on it."""
    rng = np.random.default_rng(0)
    pair = rng.random(30), rng.random(30) + 1
    assert interval(*pair) == interval(*pair, resamples=2000, level=0.95, seed=0)
    for other in ({"resamples": 1999}, {"level": 0.9}, {"seed": 1}):
        assert interval(*pair) != interval(*pair, **other)
    x = pair[0]
    asked = statistics.bootstrap(x, resamples=2000, level=0.95, seed=0)
    assert statistics.bootstrap(x) == asked


@pytest.mark.parametrize(("values", "n"), [([], 0), ([1.0, np.nan], 2)])
def test_nothing_and_nan_are_refused(values, n):
    with pytest.raises(ValueError, match=f"at least one value and no NaN; got n = {n}"):
        statistics.bootstrap(values)
    with pytest.raises(ValueError, match=f"got n = {n}"):
        statistics.paired_bootstrap(values, values)


def test_draws_that_are_all_alike_have_no_correlation_and_are_left_out_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics.spearman([0, 0, 0, 1], [0, 0, 1, 0])
    assert found.value == pytest.approx(-1 / 3)
    assert -1 <= found.low < found.high <= 1


def test_paired_bootstrap_uses_the_pairing():
    rng = np.random.default_rng(0)
    base = rng.normal(0, 10, 200)
    found = statistics.paired_bootstrap(base + 0.5 + rng.normal(0, 0.1, 200), base)
    assert found.low > 0.4
    assert found.high < 0.6


def test_ratio_of_equal_values_is_one_without_doubt():
    found = statistics.ratio_bootstrap([0, 1, 1, 1], [0, 1, 1, 1])
    assert found[:3] == pytest.approx((1, 1, 1))


def test_draws_without_a_denominator_are_left_out_of_a_ratio():
    few = [0.0, 0, 0, 0, 1]  # a third of the draws have none
    assert statistics.ratio_bootstrap(few, few)[:3] == (1, 1, 1)


def test_spearman_of_few_is_bonett_and_wrights():
    a, b = [1, 2, 3, 4, 5, 6, 7], [2, 1, 4, 3, 7, 5, 6]
    rho = 1 - 6 * (1 + 1 + 1 + 1 + 4 + 1 + 1) / (7 * 48)
    half = 1.959964 * np.sqrt((1 + rho**2 / 2) / 4)
    expected = (rho, np.tanh(np.arctanh(rho) - half), np.tanh(np.arctanh(rho) + half), 7)
    assert statistics.spearman_of_few(a, b) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="needs 4 pairs, here are 3"):
        statistics.spearman_of_few(a[:3], b[:3])


def test_paired_statistics_refuse_other_counts():
    with pytest.raises(ValueError, match="2 and 3"):
        statistics.paired_bootstrap([1, 2], [1, 2, 3])


@settings(max_examples=6, deadline=None)  # statsmodels takes 70 ms a call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_agrees_with_statsmodels(p_values):
    from statsmodels.stats.multitest import multipletests

    expected = multipletests(p_values, method="holm")[1]
    assert statistics.holm(p_values) == pytest.approx(expected)


def test_spearman_agrees_with_scipy_also_with_ties():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 5, 100)
    b = a + rng.integers(0, 4, 100)
    found = statistics.spearman(a, b)
    assert found.value == pytest.approx(stats.spearmanr(a, b).statistic)
    assert found.low < found.value < found.high


def _coverage(draw, interval, truth, repeats=400):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(repeats):
        found = interval(draw(rng))
        hits += found.low <= truth <= found.high
    return hits / repeats


@pytest.mark.parametrize("p", [0.05, 0.5, 0.97])
def test_wilson_covers(p):
    covered = _coverage(
        lambda rng: rng.binomial(150, p), lambda k: statistics.wilson(k, 150), p, 2000
    )
    assert 0.93 < covered < 0.98


def test_bootstrap_covers_a_skewed_mean():
    covered = _coverage(
        lambda rng: rng.beta(0.5, 1.5, 100),
        lambda x: statistics.bootstrap(x, resamples=400),
        0.25,
    )
    assert 0.90 < covered < 0.98


def test_ratio_bootstrap_covers():
    def draw(rng):
        readable = rng.random(200) < 0.9
        return np.stack([readable & (rng.random(200) < 0.5), readable])

    covered = _coverage(draw, lambda pair: statistics.ratio_bootstrap(*pair, resamples=400), 0.5)
    assert 0.91 < covered < 0.98


def test_spearman_covers():
    """Of a bivariate normal the rank correlation is 6/pi asin(rho/2)."""
    rho = 0.5

    def draw(rng):
        a = rng.normal(size=150)
        return a, rho * a + np.sqrt(1 - rho**2) * rng.normal(size=150)

    covered = _coverage(
        draw,
        lambda pair: statistics.spearman(*pair, resamples=300),
        6 / np.pi * np.arcsin(rho / 2),
        200,
    )
    assert 0.89 < covered < 0.99


@pytest.mark.parametrize("n", [6, 9, 20])
def test_spearman_of_few_covers_where_a_bootstrap_does_not(n):
    rho = 0.6

    def draw(rng):
        a = rng.normal(size=n)
        return a, rho * a + np.sqrt(1 - rho**2) * rng.normal(size=n)

    rng = np.random.default_rng(1)
    big = rng.normal(size=20_000)
    far = rho * big + np.sqrt(1 - rho**2) * rng.normal(size=20_000)
    truth = stats.spearmanr(big, far).statistic
    covered = _coverage(draw, lambda pair: statistics.spearman_of_few(*pair), truth)
    assert 0.91 < covered < 0.99
