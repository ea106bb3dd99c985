"""Declared contrasts are tested, and told no stronger than they are."""

import numpy as np
import pandas as pd
import pytest
from helpers.records import RECONSTRUCTION, merged, record_of, small_study
from helpers.tables import BALANCED, FAR, FULL, NONE, READ, by_hand, made

from benchmarks.report import contrasts, finding, results
from benchmarks.report.summary import Scores
from benchmarks.runs.manifest import Benchmark
from benchmarks.study import Contrast


def test_only_declared_contrasts_are_tested_with_their_sign_and_holms_p(record):
    tested = contrasts.test(small_study(), Scores(record))
    first, second = by_hand(FULL - BALANCED), by_hand(BALANCED - NONE)
    assert tested.role.tolist() == ["primary", "secondary"]
    assert tested.variant.tolist() == ["full", "balanced"]
    assert tested.iloc[0][["value", "low", "high", "p"]].tolist() == pytest.approx(first)
    assert tested.iloc[1][["value", "low", "high", "p"]].tolist() == pytest.approx(second)
    small, large = sorted([first[3], second[3]])
    expected = {small: 2 * small, large: max(2 * small, large)}
    assert tested.p_holm.tolist() == pytest.approx([expected[first[3]], expected[second[3]]])
    table = made(small_study(), record)["Declared contrasts"].frame
    assert table.index.tolist() == ["full - balanced (primary)", "balanced - none (secondary)"]
    assert table.columns.tolist() == ["metric", "task", "difference [95 %]", "p", "p (Holm)"]
    assert table.iloc[0].tolist() == [
        *(READ, "reconstruction", f"+0.300 [{first[1]:+.3f}, {first[2]:+.3f}]"),
        *(f"{first[3]:.2g}", f"{expected[first[3]]:.2g}"),
    ]


def test_a_contrast_tells_which_way_is_better_and_how_many_seeds_it_rests_on(record):
    study = small_study(secondary=(Contrast(variant="full", against="none", metric=FAR),))
    tested = contrasts.test(study, Scores(record))
    assert tested.direction.tolist() == ["higher", "lower"]
    assert tested.seeds.tolist() == [3, 3]
    assert "(reconstruction): better, -" in contrasts.sentence(tested.iloc[1])
    fixed = record_of({("balanced", READ): BALANCED[:1], ("full", READ): FULL[:1]})
    (seeds,) = contrasts.test(small_study(secondary=()), Scores(fixed)).seeds
    assert seeds == 0  # neither makes use of them
    (alone,) = contrasts.test(small_study(secondary=(), seeds=(0,)), Scores(fixed)).seeds
    assert alone == 1


def test_a_study_without_contrasts_has_no_p_anywhere(record, tmp_path):
    study = small_study(primary=None, secondary=())
    results.write_tables(study, record, tmp_path)
    assert not (tmp_path / "contrasts.csv").exists()
    assert "Declared" not in (tmp_path / "table.md").read_text()
    assert ", p " not in (tmp_path / "table.md").read_text()


_COUNTED = "not told apart once the other contrasts are counted (alone p = 0.01)"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "better"),
        ({"direction": "lower"}, "worse"),
        ({"value": -0.3, "low": -0.5, "high": -0.1}, "worse"),
        ({"value": -0.3, "low": -0.5, "high": -0.1, "direction": "lower"}, "better"),
        ({"p_holm": 0.06}, _COUNTED),
        ({"p_holm": 0.05}, _COUNTED),  # below .05 is told
        ({"low": -0.01}, "not told apart"),
        ({"value": -0.3, "low": -0.5, "high": 0.01}, "not told apart"),
    ],
)
def test_a_finding_is_never_stronger_than_its_interval_and_p(change, verdict):
    row = {
        "variant": "full",
        "against": "balanced",
        "metric": READ,
        "task": "editing",
        "value": 0.3,
        "low": 0.1,
        "high": 0.5,
        "p": 0.01,
        "p_holm": 0.02,
        "seeds": 3,
        "direction": "higher",
        "reason": "",
        **change,
    }
    assert ", p below 0.001." in contrasts.sentence(pd.Series(row | {"p_holm": 0.0002}))
    said = contrasts.sentence(pd.Series(row))
    assert said.startswith(f"`full` against `balanced` in {READ} (editing): {verdict}, ")
    assert f"{row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}], p = " in said
    assert contrasts.sentence(pd.Series(row | {"seeds": 1})) == (
        f"{said} One seed: this is about its images, and says nothing of other seeds."
    )


def test_a_contrast_that_was_not_measured_says_so(record):
    record.runs.loc[record.runs.variant == "full", "planned"] = 4
    study = small_study()
    tested = contrasts.test(study, Scores(record))
    assert np.isnan(tested.value[0])
    assert "not measured, as not both were measured" in contrasts.sentence(tested.iloc[0])
    assert tested.p_holm[1] == tested.p[1]  # one test is left
    frame = made(study, record)["Declared contrasts"].frame
    assert frame.iloc[0, 2:].tolist() == ["-", "-", "-"]


@pytest.mark.parametrize(
    ("p", "told"), [(1, "1"), (0.042, "0.042"), (0.001, "0.001"), (2e-27, "below 0.001")]
)
def test_a_tiny_p_is_told_as_no_more_than_that(p, told):
    assert contrasts.told_p(p) == told


def test_what_holds_for_several_tasks_is_said_once(record):
    blurred, turned = (Benchmark(corruption=what, severity=1) for what in ("blur", "rotation"))
    study = small_study(benchmarks=(RECONSTRUCTION, blurred, turned))
    for task, full in ((blurred, FULL), (turned, BALANCED)):
        values = {("none", READ): NONE, ("balanced", READ): BALANCED, ("full", READ): full}
        record = merged(record, record_of(values, task=task.name))
    scores = Scores(record)
    found = finding.of(study, record, scores, contrasts.test(study, scores))
    assert found.seen == (
        f"{READ}, reconstruction, blur 1: `full` is highest, not told apart from `balanced`.",
        f"{READ}, rotation 1: `balanced` is highest, not told apart from `full`.",
    )
