"""Published numbers stand with their source and confidence, and only beside the same system."""

from dataclasses import replace

import pytest

from benchmarks.report import published
from benchmarks.study import load_study


def test_systems_run_from_their_authors_weights_have_what_was_published_of_them():
    rows = published.rows(load_study("main"), "reconstruction")
    by = {(row.system, row.dataset): row for row in rows}
    mostel = by["MOSTEL", "ICDAR13-8ch"]
    assert mostel.values == {"SeqAcc-ci/raw": 0.75}
    assert mostel.source == (
        "UDiffText Table 1 (arXiv 2312.04884): read from the paper's own table"
    )
    assert by["MOSTEL", "unspecified"].values == {"FID/raw": 25.09, "LPIPS/raw": 0.0605}
    assert "read from a summary of the paper, not its table" in by["DreamText", "SynthText"].source
    editing = published.rows(load_study("main"), "editing")
    assert {r.values["SeqAcc-ci/raw"] for r in editing if r.system == "MOSTEL"} == {
        *(0.35, 0.28, 0.25, 0.44)
    }


def test_a_system_run_twice_has_its_numbers_once():
    rows = published.rows(load_study("main"), "reconstruction")
    keys = [(row.system, row.dataset, row.source) for row in rows]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", ["comparison", "supervision"])
@pytest.mark.parametrize("task", ["reconstruction", "editing"])
def test_a_scale_model_or_another_objective_is_not_the_published_system(name, task):
    assert published.rows(load_study(name), task) == []


def test_an_ablation_at_the_papers_scale_is_and_notes_are_marked_as_such():
    study = load_study("supervision")
    rows = published.rows(replace(study, preset="paper"), "reconstruction")
    assert [row.system for row in rows] == ["none", "balanced", "full"]
    assert rows[1].values == {"SeqAcc-ci/raw": 0.94, "FID/raw": 12.13, "mIoU": 0.722}
    assert all("third party's reading note, not on a table" in row.source for row in rows)


def test_a_row_tells_whose_it_is_and_whether_it_may_be_of_the_same_data_set():
    study = load_study("main").narrowed(overrides=("data.name=textseg",))
    rows = published.rows(study, "reconstruction")
    by = {(row.system, row.dataset): row for row in rows}
    assert by["UDiffText", "TextSeg"].variants == (
        *("udifftext-original", "udifftext"),
        *("udifftext-refined", "udifftext-best10", "udifftext-both"),
    )
    assert by["UDiffText", "TextSeg"].alike
    assert by["MOSTEL", "unspecified"].alike
    assert not by["MOSTEL", "ICDAR13"].alike
    world = load_study("main").narrowed(overrides=("data.name=embedded",))
    assert not any(row.alike for row in published.rows(world, "reconstruction"))
