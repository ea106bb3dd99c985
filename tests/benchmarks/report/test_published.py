"""Published numbers stand with their source and confidence, and only beside the same system."""

from dataclasses import replace

import pytest
from helpers.records import record_of, small_study
from helpers.tables import FULL, LOWER, NONE, made

from benchmarks.report import published, results
from benchmarks.study import Variant, load_study


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


def test_published_rows_stand_with_their_source(record):
    values = {("released", LOWER): FULL[:1], ("mostel", LOWER): NONE[:1]}
    study = small_study(
        variants=(
            Variant(name="released", system="released"),
            Variant(name="mostel", system="mostel"),
        ),
        reference="released",
        primary=None,
        secondary=(),
        seeds=(0,),
    )
    table = made(study, record_of(values))["reconstruction: reading"]
    at = table.frame.index.get_loc("DreamText, published [1]")
    assert table.frame.iloc[at].tolist() == ["0.94", ""]
    (note,) = [n for n in table.notes if n.startswith("[1]")]
    assert "SynthText. paper summary of arXiv 2405.14701: read from a summary" in note
    assert "another data set than ours, so no difference is given" in note
    assert not any(" - published" in label for label in table.frame.index)
    assert table.bold == {(0, 0)}  # two fixed systems may be told apart by their images


def test_ours_minus_what_was_published_of_the_same_measure_and_data_set(tmp_path):
    """MOSTEL reads .75 and .68 of ICDAR13 (reconstruction, UDiffText's Table 1); ours 7 of 10."""
    record = record_of({("mostel", LOWER): FULL[:1], ("again", LOWER): NONE[:1]})
    study = small_study(
        variants=(
            Variant(name="mostel", system="mostel"),
            Variant(name="again", system="mostel"),
            Variant(name="textctrl", system="textctrl"),
        ),
        overrides=("data.name=icdar13", "data.root=somewhere"),
        reference="mostel",
        primary=None,
        secondary=(),
        seeds=(0,),
    )
    table = made(study, record)["reconstruction: reading"]
    column = table.frame.iloc[:, 0]
    low, high = (float(x) for x in column["mostel"].split("[")[1].rstrip("]").split(", "))
    assert [label for label in column.index if "published" in label] == [
        *("MOSTEL, published [1]", "mostel - published [1]", "again - published [1]"),
        *("MOSTEL, published [2]", "mostel - published [2]", "again - published [2]"),
        "MOSTEL, published [3]",  # TextSeg: another data set than ours
        "MOSTEL, published [4]",
    ]
    assert column["MOSTEL, published [1]"] == "0.75"
    assert column["mostel - published [1]"] == f"-0.050 [{low - 0.75:+.3f}, {high - 0.75:+.3f}]"
    assert column["mostel - published [2]"] == f"+0.020 [{low - 0.68:+.3f}, {high - 0.68:+.3f}]"
    assert column["again - published [2]"].startswith("-0.680 [-0.680, ")
    notes = [note for note in table.notes if note.startswith("[")]
    assert notes[0] == (
        "[1] ICDAR13-8ch. UDiffText Table 1 (arXiv 2312.04884): read from the paper's own table. "
        "Other judge, other samples; in a difference to it, the interval is that of our value "
        "alone."
    )
    assert "no difference is given" in notes[2]
    results.write_tables(study, record, tmp_path)
    for name in ("table.md", "table.html", "tables/reconstruction-reading.csv"):
        assert "mostel - published [1]" in (tmp_path / name).read_text()
        assert "-0.050 [" in (tmp_path / name).read_text()
    tex = (tmp_path / "tables" / "reconstruction-reading.tex").read_text()
    assert "mostel - published [1] & $-$0.050 [" in tex
