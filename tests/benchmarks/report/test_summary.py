"""A study's scores and differences, and what they rest on, against values made by hand."""

import numpy as np
import pytest
from helpers.records import RECONSTRUCTION, record_of, small_study
from scipy import stats

from benchmarks.report.panels import BLOCKS
from benchmarks.report.summary import Scores, summarise

READ, NEAR, FAR, RATIO = "SeqAcc/raw", "effdist/raw", "FD-EffNetLite0/raw", "SeqAcc-relative/raw"
TASK = RECONSTRUCTION.name
# Two seeds on four images of two photographs and three words.
ONE = np.array([[1.0, 0, 0, 0], [1, 1, 0, 0]])
TWO = np.array([[1.0, 1, 1, 0], [1, 1, 0, 1]])
BESIDE = {("beside", READ): ONE}  # a record has images of something
ABOUT = {"words": ["A", "B", "A", "C"], "source": ["p", "p", "q", "q"]}


def scores(values, **more):
    return Scores(record_of(values, **more))


def test_what_a_score_rests_on_is_counted():
    found = scores({("none", READ): ONE}, **ABOUT).score("none", TASK, READ)
    assert found["value"] == 0.375
    assert 0 <= found["low"] < 0.375 < found["high"] <= 1
    counts = ("n", "words", "photographs", "seeds", "planned")
    assert [found[name] for name in counts] == [4, 3, 2, 2, 2]
    told = ("direction", "backbone", "manifest", "reason")
    assert [found[k] for k in told] == ["higher", "a judge", f"manifest of {TASK}", ""]
    unknown = scores({("none", READ): ONE}).score("none", TASK, READ)
    assert np.isnan(unknown["photographs"])
    assert unknown["words"] == 4


def test_without_values_there_are_reasons_each_once_and_no_value():
    record = record_of({("none", READ): ONE}, whole={("none", FAR): [(9, 8, 10)] * 4})
    far = record.runs.metric == FAR
    record.runs.loc[far, "value"] = [np.nan, 9, np.nan, np.nan]
    record.runs.loc[far, "reason"] = ["no weights", "", "too few", "no weights"]
    record.runs.loc[far, "planned"] = 4
    found = Scores(record).score("none", TASK, FAR)
    assert np.isnan([found["value"], found["low"], found["high"]]).all()
    assert found["reason"] == "no weights; too few"
    assert (found["seeds"], found["planned"]) == (1, 4)


@pytest.mark.parametrize(
    ("metric", "lows", "clipped"),
    [(FAR, 0.0, True), (FAR, -0.1, False), (RATIO, 0.0, False)],  # a distance, unbiased, a share
)
def test_a_distance_that_cannot_be_below_0_has_no_interval_below_it(metric, lows, clipped):
    """Of three seeds at 1, 5 and 9: by hand 5 +- 4.303 sqrt(16 / 3 + mean squared error)."""
    errors = np.array([1 - lows, 5 - lows, 9 - lows]) / stats.norm.ppf(0.975)
    runs = [(v, lows, 2 * v - lows) for v in (1.0, 5.0, 9.0)]
    found = scores({("none", READ): np.ones((3, 4))}, whole={("none", metric): runs})
    row = found.score("none", TASK, metric)
    between, within = 16 / 3, (errors**2).mean()
    df = (between + within) ** 2 / (between**2 / 2)
    half = stats.t.ppf(0.975, df) * np.sqrt(between + within)
    assert half > 5
    assert (row["value"], row["high"]) == pytest.approx((5, 5 + half))
    assert row["low"] == pytest.approx(0 if clipped else 5 - half)


def test_n_of_a_whole_set_is_that_of_its_smallest_run():
    record = record_of({("none", READ): ONE}, whole={("none", FAR): [(9, 8, 10), (7, 6, 8)]})
    record.runs.loc[record.runs.metric == FAR, "n"] = [288, 280]
    assert Scores(record).score("none", TASK, FAR)["n"] == 280


def test_metrics_stand_in_the_order_in_which_they_were_scored_and_blocks_have_those_of_images():
    values = {("none", NEAR): ONE, ("none", READ): ONE, ("full", READ): TWO}
    record = record_of(values, whole={("none", FAR): [(9, 8, 10)] * 2}, font_seen=[True] * 4)
    seen, unseen = BLOCKS[:2]
    assert Scores(record).metrics("none", TASK) == [NEAR, READ, FAR]
    assert Scores(record).metrics("full", TASK) == [READ]
    assert Scores(record).metrics("nobody", TASK) == []
    assert Scores(record, seen).metrics("none", TASK) == [NEAR, READ]
    assert Scores(record, unseen).metrics("none", TASK) == []
    assert Scores(record).planned("none", TASK) == 2
    assert Scores(record).planned("none", "editing") == 0


def test_a_share_differs_by_no_more_than_1_and_another_number_by_as_much_as_it_does():
    values = {
        **{("none", m): np.array([[0.0, 0, 1], [0, 0, 0]]) for m in (READ, NEAR)},
        **{("full", m): np.array([[1.0, 1, 1], [1, 1, 0]]) for m in (READ, NEAR)},
    }
    found = scores(values)
    share = found.difference("full", "none", TASK, READ)
    other = found.difference("full", "none", TASK, NEAR)
    assert share.value == other.value == pytest.approx(4 / 6)
    assert share.high == 1 < other.high
    assert share.low == other.low


def test_a_difference_of_whole_sets_is_paired_by_seed_with_both_their_errors():
    near, far = [(4.0, 3.0, 5.0), (8.0, 7.0, 9.0)], [(5.0, 3.0, 7.0), (9.0, 7.0, 11.0)]
    found = scores(BESIDE, whole={("none", FAR): near, ("full", FAR): far})
    z = stats.norm.ppf(0.975)
    error = np.sqrt((1 / z) ** 2 + (2 / z) ** 2)  # the seeds' differences are 1 and 1
    difference = found.difference("full", "none", TASK, FAR)
    assert difference == pytest.approx(
        (1, 1 - z * error, 1 + z * error, 2 * stats.norm.sf(1 / error))
    )
    back = found.difference("none", "full", TASK, FAR)
    assert back[:3] == pytest.approx((-1, -difference.high, -difference.low))


@pytest.mark.parametrize(
    "change",
    [
        {"planned": 3},  # a seed is lacking
        {"value": np.nan},
        {"low": np.nan},  # no interval, so no error
        {"manifest": "another"},
        {"metric": "KID-EffNetLite0/raw"},
    ],
)
def test_sets_that_are_not_whole_or_not_of_the_same_samples_have_no_difference(change):
    runs = [(4.0, 3.0, 5.0), (8.0, 7.0, 9.0)]
    record = record_of(BESIDE, whole={("none", FAR): runs, ("full", FAR): runs})
    for column, value in change.items():
        record.runs.loc[record.runs.variant == "full", column] = value
    assert Scores(record).difference("full", "none", TASK, FAR) is None
    assert Scores(record).difference("none", "full", TASK, FAR) is None


def test_one_set_stands_beside_every_seed_and_two_do_not_beside_three():
    runs = {n: [(float(i), i - 1.0, i + 1.0) for i in range(n)] for n in (1, 2, 3)}
    whole = {(f"of {n}", FAR): own for n, own in runs.items()}
    found = scores(BESIDE, whole=whole)
    assert found.difference("of 3", "of 1", TASK, FAR).value == 1
    assert found.difference("of 1", "of 3", TASK, FAR).value == -1
    assert found.difference("of 3", "of 2", TASK, FAR) is None


def test_a_summary_has_a_row_a_variant_and_metric_with_its_difference_to_the_reference():
    values = {("none", READ): ONE, ("full", READ): TWO, ("full", NEAR): TWO}
    study = small_study(reference="none")
    rows = summarise(study, record_of(values))
    assert rows[["block", "variant", "task", "metric"]].to_numpy().tolist() == [
        ["all", "none", TASK, READ],
        ["all", "full", TASK, READ],
        ["all", "full", TASK, NEAR],
    ]
    assert rows.value.tolist() == [0.375, 0.75, 0.75]
    assert rows.difference[1] == 0.375
    assert rows.difference_low[1] < 0.375 < rows.difference_high[1]
    assert rows.difference[[0, 2]].isna().all()  # itself, and what it was not scored by
    only = summarise(study, record_of(values), metrics=[NEAR])
    assert only.metric.tolist() == [NEAR]
