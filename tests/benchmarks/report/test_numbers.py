"""Values as text, with as many digits as are compared."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.report import numbers


@pytest.mark.parametrize(
    ("value", "low", "high", "told", "signed"),
    [
        (0.1234, 0.05, 0.2, "0.123 [0.050, 0.200]", "+0.123 [+0.050, +0.200]"),
        (-9.99, -9.999, 9.999, "-9.990 [-9.999, 9.999]", "-9.990 [-9.999, +9.999]"),
        (9.5, 8.0, 10.0, "9.500 [8.000, 10.000]", "+9.5 [+8.0, +10.0]"),
        (9.5, -10.0, 9.9, "9.500 [-10.000, 9.900]", "+9.5 [-10.0, +9.9]"),
        (10.0, 8.0, 12.0, "10.0 [8.0, 12.0]", "+10.0 [+8.0, +12.0]"),
        (-10.0, -12.0, -8.0, "-10.0 [-12.0, -8.0]", "-10.0 [-12.0, -8.0]"),
    ],
)
def test_numbers_below_ten_have_three_digits(value, low, high, told, signed):
    found = pd.Series({"value": value, "low": low, "high": high})
    assert numbers.value(found, 3) == told
    assert numbers.signed(value, low, high) == signed
    difference = {"difference": value, "difference_low": low, "difference_high": high}
    assert numbers.difference(pd.Series(difference)) == signed
    assert numbers.plain(value) == told.split(" ")[0]


@pytest.mark.parametrize(
    ("found", "planned", "told"),
    [
        (None, 3, "- (0/3 seeds)"),
        (None, 0, "-"),  # it was never to be scored
        ({"seeds": 1, "planned": 3, "reason": ""}, 3, "- (1/3 seeds)"),
        ({"seeds": 1, "planned": 3, "reason": "no weights"}, 3, "-"),
        ({"seeds": 3, "planned": 3, "reason": ""}, 3, "-"),
    ],
)
def test_a_gap_tells_which_seeds_there_are_unless_it_has_another_reason(found, planned, told):
    row = None if found is None else pd.Series({"value": np.nan, "difference": np.nan, **found})
    assert numbers.value(row, planned) == told
    assert numbers.difference(row) == ""


def test_one_seed_is_not_seeds():
    assert (numbers.seeds(1), numbers.seeds(3)) == ("1 seed", "3 seeds")
