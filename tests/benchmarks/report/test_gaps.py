"""What is missing is said, and never shown as if it were there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers.records import small_study
from helpers.tables import READ, made

from benchmarks.report import results
from benchmarks.report.record import NOT_RUN


def test_a_mean_over_fewer_seeds_is_never_shown_as_the_mean(record):
    record.runs.loc[record.runs.variant == "full", "planned"] = 4
    found = made(small_study(), record)
    table = found["reconstruction: reading"]
    assert table.frame.loc["full"].tolist() == ["- (3/4 seeds)", ""]
    sets = found["reconstruction: pictures"]
    assert sets.frame.loc["full"].tolist() == ["- (3/4 seeds)", ""]
    assert table.bold == frozenset({(1, 0)})


def test_a_variant_without_any_score_is_a_gap(record):
    missing = record.runs.variant == "balanced"
    rows = record.runs[missing].drop_duplicates("seed")
    rows = rows.assign(metric="", value=np.nan, reason="the stage train failed (RunError: nan)")
    runs = pd.concat([record.runs[~missing], rows], ignore_index=True)
    images = record.images[record.images.variant != "balanced"]
    record = replace(record, images=images, runs=runs)
    study = small_study()
    table = made(study, record)["reconstruction: reading"]
    assert table.frame.loc["balanced"].tolist() == ["- (0/3 seeds)", ""]
    text = results.text(study, record, [table])
    said = "balanced, reconstruction: seeds 0, 1, 2: the stage train failed (RunError: nan)\n"
    assert said in text


@pytest.mark.parametrize("begun", [False, True])
def test_a_variant_that_nobody_ran_is_told_once_below_its_table(record, begun):
    missing = record.runs.variant == "balanced"
    rows = record.runs[missing].drop_duplicates("seed").assign(metric="", value=np.nan)
    rows["reason"] = NOT_RUN
    if begun:
        rows.loc[rows.index[0], "reason"] = "the stage train has not been run to its end"
    runs = pd.concat([record.runs[~missing], rows], ignore_index=True)
    images = record.images[record.images.variant != "balanced"]
    record = replace(record, images=images, runs=runs)
    study = small_study()
    table = made(study, record)["reconstruction: reading"]
    gaps = results.text(study, record, [table]).partition("## Gaps")[2]
    if begun:
        assert list(table.frame.index) == ["none", "balanced", "full"]
        assert "- balanced, reconstruction: seed 0: the stage train has not" in gaps
        assert "to its end; seeds 1, 2: not run yet\n" in gaps
    else:
        assert list(table.frame.index) == ["none", "full"]
        assert "Not run yet: balanced." in table.notes
        assert gaps == "\n\n- not run yet, reconstruction: balanced\n"


def test_unsupported_is_a_gap_with_its_reason_and_no_difference(record):
    own = record.images.variant == "balanced"
    record.images.loc[own, "status"] = "unsupported"
    record.images.loc[own, READ] = np.nan
    mine = record.runs.variant == "balanced"
    record.runs.loc[mine, ["value", "low", "high"]] = np.nan
    record.runs.loc[mine, "reason"] = "10 of 10 samples are unsupported"
    study = small_study()
    table = made(study, record)["reconstruction: reading"]
    assert table.frame.loc["balanced"].tolist() == ["-", ""]
    text = results.text(study, record, [table])
    assert "balanced, reconstruction: 10 of 10 samples unsupported" in text
    assert "empty, as" not in text  # said once, among the gaps
