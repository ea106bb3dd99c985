"""Tables against tables made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.records import record_of, small_study
from helpers.tables import BALANCED, FAR, FULL, LOWER, NONE, READ, by_hand, made
from scipy import stats

from benchmarks.report import ceiling, render, results, tables
from benchmarks.report.summary import Scores, summarise
from benchmarks.study import Variant


def test_a_main_table_is_the_one_made_by_hand(record):
    found = made(small_study(), record)
    table, sets = found["reconstruction: reading"], found["reconstruction: pictures"]
    assert list(table.frame.columns) == [(f"{READ} ↑", "value"), (f"{READ} ↑", "Δ none")]
    assert list(sets.frame.columns) == [(f"{FAR} ↓", "value"), (f"{FAR} ↓", "Δ none")]
    assert list(table.frame.index) == list(sets.frame.index) == ["none", "balanced", "full"]
    assert table.frame.index.name == "variant"  # the first column's head
    zero = stats.binomtest(0, 10).proportion_ci(0.95, "exact").high
    assert table.frame.iloc[0].tolist() == [f"0.000 [0.000, {zero:.3f}]", ""]
    assert sets.frame.iloc[0].tolist() == ["900.0 [880.4, 919.6]", ""]
    mean, low, high, _ = by_hand(BALANCED)
    assert table.frame.iloc[1, 1] == f"+{mean:.3f} [{low:+.3f}, {high:+.3f}]"
    between, within = 100 / 3, 100.0
    df = (between + within) ** 2 / (between**2 / 2)
    half = stats.t.ppf(0.975, df) * np.sqrt(between + within)
    assert sets.frame.iloc[1, 0] == f"810.0 [{810 - half:.1f}, {810 + half:.1f}]"
    half = stats.t.ppf(0.975, (between + 200) ** 2 / (between**2 / 2)) * np.sqrt(between + 200)
    assert sets.frame.iloc[1, 1] == f"-90.0 [{-90 - half:.1f}, {-90 + half:.1f}]"
    assert sets.frame.iloc[2, 1] == f"-110.0 [{-110 - 27.7:.1f}, {-110 + 27.7:.1f}]"
    assert table.caption == "10 images, 10 words, background sources unknown; 3 seeds."
    assert "Measured by SeqAcc/raw: a judge." in table.notes
    assert "Measured by FD-EffNetLite0/raw: a judge." in sets.notes


@pytest.mark.parametrize(
    ("metric", "family"),
    [
        *(
            ("SeqAcc-either/raw", "reading"),
            ("judges-agree/raw", "reading"),
            ("NED/raw", "reading"),
        ),
        *(("mIoU", "masks"), ("mask-recall", "masks"), ("attention-AP", "masks")),
        *(("KID-EffNetLite0/raw", "pictures"), ("effdist/raw", "pictures")),
    ],
)
def test_every_metric_has_a_table(metric, family):
    assert tables.family_of(metric) == family


def test_a_value_is_as_by_hand(record):
    mean, variance = 0.4, by_hand(BALANCED)
    error = (variance[2] - variance[0]) / stats.t.ppf(0.975, _df(BALANCED))
    effective = mean * (1 - mean) / error**2
    effective *= (stats.norm.ppf(0.975) / stats.t.ppf(0.975, _df(BALANCED))) ** 2
    x = mean * effective
    low, high = (
        stats.beta.ppf(0.025, x, effective - x + 1),
        stats.beta.ppf(0.975, x + 1, effective - x),
    )
    found = made(small_study(), record)["reconstruction: reading"].frame.iloc[1, 0]
    assert found == f"0.400 [{low:.3f}, {high:.3f}]"


def _df(differences):
    of_seeds = differences.mean(1).var(ddof=1) / 3
    of_images = differences.mean(0).var(ddof=1) / 10
    return (of_seeds + of_images) ** 2 / (of_seeds**2 / 2 + of_images**2 / 9)


def test_the_best_is_bold_where_it_is_told_apart_from_all_others():
    one = np.zeros((3, 10)) + (np.arange(10) == 0)
    sets = {(v, FAR): [(x, x - 1, x + 1)] * 3 for v, x in (("none", 9), ("balanced", 5))}
    record = record_of(
        {("none", READ): NONE, ("balanced", READ): one, ("full", READ): FULL}, whole=sets
    )
    table = made(small_study(), record)["reconstruction: reading"]
    assert by_hand(FULL - one)[1] > 0
    assert table.bold == {(2, 0)}  # of distances of sets nothing is bold
    assert "**0.700 [" in render.markdown(table)
    assert render.markdown(table).count("**") == 2


def test_ties_are_said_and_nothing_is_bold():
    nearly = FULL.copy()
    nearly[0, :2] = 0
    record = record_of({("none", READ): NONE, ("balanced", READ): nearly, ("full", READ): FULL})
    assert by_hand(FULL - nearly)[1] <= 0
    table = made(small_study(), record)["reconstruction: reading"]
    assert table.bold == frozenset()
    assert "SeqAcc/raw: full leads, not told apart from balanced." in table.notes


def test_two_that_are_the_same_are_tied_even_where_their_interval_has_no_width():
    one_image = {(variant, "NED/raw"): np.full((3, 1), 0.4) for variant in ("none", "full")}
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")),
        metrics=("NED/raw",),
        primary=None,
        secondary=(),
    )
    scores = Scores(record_of(one_image))
    assert scores.difference("full", "none", "reconstruction", "NED/raw") == (0, 0, 0, 1)
    assert tables.leader(study, scores, "reconstruction", "NED/raw") == ("none", ("full",))


def test_the_best_of_a_metric_where_less_is_better_is_the_least():
    values = {(v, "effdist/raw"): FULL * 0 + x for v, x in (("none", 3), ("full", 1.0))}
    values["balanced", "effdist/raw"] = np.linspace(1.9, 2.1, 30).reshape(3, 10)
    table = made(small_study(metrics=(READ, "effdist/raw"), primary=None, secondary=()),
                 record_of(values))["reconstruction: pictures"]  # fmt: skip
    assert table.bold == {(2, 0)}


def test_with_one_seed_nothing_trained_is_bold():
    record = record_of({("none", READ): NONE[:1], ("full", READ): FULL[:1]})
    study = small_study(
        seeds=(0,),
        variants=(Variant(name="none"), Variant(name="full")),
        primary=None,
        secondary=(),
    )
    table = made(study, record)["reconstruction: reading"]
    assert table.bold == frozenset()
    assert not any("leads" in note for note in table.notes)
    assert "One seed: intervals are over images" in results.text(study, record, [table])


def test_references_are_neither_best_nor_tied():
    record = record_of({("ours", READ): FULL, ("plain", READ): NONE, ("real", READ): NONE[:1] + 1})
    study = small_study(
        variants=(
            Variant(name="real", system="truth"),
            Variant(name="ours"),
            Variant(name="plain"),
        ),
        reference="ours",
        primary=None,
        secondary=(),
    )
    table = made(study, record)["reconstruction: reading"]
    assert table.bold == {(1, 0)}
    mean, low, high, _ = by_hand(1 - FULL)
    assert table.frame.iloc[0, 1] == f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def test_a_difference_is_over_the_samples_that_both_have():
    some = FULL.astype(float)
    some[:, 7:] = np.nan  # those that the system does not support
    record = record_of({("none", READ): NONE, ("balanced", READ): NONE, ("full", READ): some})
    table = made(small_study(), record)["reconstruction: reading"]
    assert table.frame.loc["full"].iloc[0].startswith("1.000 [")
    assert table.frame.loc["full"].iloc[1].startswith("+1.000 [")
    row = summarise(small_study(), record).set_index("variant").loc["full"]
    assert row.n == 7


def test_lower_case_is_left_out_where_it_changes_nothing_and_kept_where_it_does(record):
    twin = {(v, m): a for v, a in (("none", NONE), ("full", FULL)) for m in (READ, LOWER)}
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")), primary=None, secondary=()
    )
    same = made(study, record_of(twin))["reconstruction: reading"]
    assert {c for c, _ in same.frame.columns} == {f"{READ} ↑"}
    assert same.notes[0] == f"{LOWER} is the same as {READ} on every sample, and left out."
    twin["full", LOWER] = FULL + (np.arange(10) == 9)
    other = made(study, record_of(twin))["reconstruction: reading"]
    assert {c for c, _ in other.frame.columns} == {f"{READ} ↑", f"{LOWER} ↑"}


def test_the_ceiling_stands_below_and_has_no_difference():
    values = {("none", READ): NONE, ("full", READ): FULL, ("none", "SeqAcc/truth"): NONE + 0.99}
    record = record_of(values)
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")), primary=None, secondary=()
    )
    frame = made(study, record)["reconstruction: reading"].frame
    assert frame.loc["real pictures"].tolist() == ["0.990", ""]


def test_words_that_one_judge_reads_alone_are_counted_over_seeds():
    second = np.array([[1.0] * 5 + [0, 0, 0, 1, 0]] * 3)
    second[1, 9] = np.nan  # a picture that was not read
    record = record_of(
        {
            **{("none", m): NONE for m in (READ, "SeqAcc-second/raw", "SeqAcc-either/raw")},
            ("full", READ): FULL,
            ("full", "SeqAcc-second/raw"): second,
            ("full", "SeqAcc-either/raw"): np.maximum(FULL, second),
        }
    )
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")),
        metrics=(READ, "SeqAcc-either/raw"),
        primary=None,
        secondary=(),
    )
    assert (
        "raw, read by the first judge alone, and by the second: none 0 and 0 of 30; full 6 and 3 "
        "of 29."
    ) in made(study, record)["reconstruction: reading"].notes
    alone = replace(study, metrics=(READ,))  # the two judges are not compared there
    notes = made(alone, record)["reconstruction: reading"].notes
    assert not any("by the first judge alone" in note for note in notes)


@pytest.mark.parametrize(
    ("metric", "real"),
    [
        ("SeqAcc/raw", "SeqAcc/truth"),
        ("SeqAcc/composited", "SeqAcc/truth"),
        ("mIoU", "mIoU-ceiling"),
        ("mask-precision", None),  # not its own value, which is the painted pictures'
        ("attention-AP", None),
    ],
)
def test_real_pictures_have_a_measure_of_their_own(metric, real):
    assert ceiling.metric(metric) == real
