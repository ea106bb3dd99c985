"""A study's values, read from its runs: whole, of one manifest and of one metric version."""

import json

import pandas as pd
import pytest
from helpers.records import leave_scores

from benchmarks.report import gaps, record
from benchmarks.runs.folder import MAKES
from benchmarks.study import load_study
from dreamtext.errors import RunError, UserError


@pytest.fixture
def cells(tmp_path):
    """Of the supervision study: three variants, two seeds, reconstruction."""
    study = load_study("supervision").narrowed(
        preset="smoke", n=3, seeds=(0, 1), where={"task": "reconstruction"}
    )
    return study.cells(tmp_path / "runs")


@pytest.fixture
def comparison(tmp_path):
    """Of the comparison: a system without seeds beside one of ours, three seeds."""
    study = load_study("comparison").narrowed(
        preset="smoke", n=3, where={"variant": "typeset|plain", "task": "editing"}
    )
    return study.cells(tmp_path / "runs")


def test_values_stand_beside_what_their_samples_are(cells):
    lines = [
        {"id": "a", "word": "CAT", "source_word": "CAT", "source": "coffee", "font_seen": True},
        {"id": "b", "word": "DOG", "source_word": "DOG", "source": "rocket", "font_seen": False},
    ]
    for cell in cells:
        value = 1.0 if cell.variant.name == "full" else 0.0
        leave_scores(cell, {"SeqAcc/raw": {"a": value, "b": 0}}, samples=lines)
    found = record.collect(cells)
    assert len(found.images) == 3 * 2 * 2
    full = found.images[(found.images.variant == "full") & (found.images.seed == "1")]
    assert full.set_index("id")["SeqAcc/raw"].to_dict() == {"a": 1, "b": 0}
    assert full.source.tolist() == ["coffee", "rocket"]
    assert full.font_seen.tolist() == [True, False]
    assert found.metrics == ("SeqAcc/raw",)
    assert found.runs.planned.unique().tolist() == [2]
    assert set(found.runs.run) == {c.score.name for c in cells}
    assert set(found.runs.manifest) == {c.sample.identity["manifest"] for c in cells}


def test_a_value_knows_on_what_its_model_was_trained(cells):
    for cell in cells:
        leave_scores(cell, {"SeqAcc/raw": {"a": 1}})
    trained = cells[-1]
    trained.train.prepare()
    for name in MAKES["train"]:
        (trained.train.folder / name).mkdir(parents=True)
    (trained.train.folder / "DONE.json").write_text("{}")
    about = {"computing": {"device": "cuda", "name": "H100"}, "packages": {"torch": "2.9"}}
    (trained.train.folder / "provenance.json").write_text(json.dumps(about))
    runs = record.collect(cells).runs
    mine = (runs.variant == trained.variant.name) & (runs.seed == str(trained.seed))
    assert set(runs[mine].computed) == {"H100, torch 2.9"}
    assert set(runs[~mine].computed) == {""}  # nothing was recorded


def test_a_system_without_seeds_is_counted_once(comparison):
    for cell in comparison:
        leave_scores(cell, {"SeqAcc/raw": {"a": 1, "b": 0}})
    found = record.collect(comparison)
    assert found.images.groupby("variant").seed.nunique().to_dict() == {"plain": 3, "typeset": 1}
    planned = found.runs.groupby("variant").planned.unique()
    assert planned["plain"].tolist() == [3]
    assert planned["typeset"].tolist() == [1]


def test_unsupported_samples_have_no_value_and_their_set_no_distance(comparison):
    lines = [
        {"id": "a", "word": "AB", "source_word": "CD", "status": "ok", "reason": ""},
        {"id": "b", "word": "AB", "source_word": "CD", "status": "error", "reason": "it fell"},
        {"id": "c", "word": "é", "source_word": "C", "status": "unsupported", "reason": "no é"},
    ]
    whole = {f"FD-EffNetLite0/{of}": (9.0, 8.0, 10.0) for of in ("raw", "truth")}
    for cell in comparison:
        values = {"SeqAcc/raw": {"a": 1, "b": 0, "c": 0}}
        leave_scores(cell, values, samples=lines, whole=whole)
    found = record.collect(comparison)
    own = found.images[found.images.variant == "typeset"].set_index("id")
    assert own["SeqAcc/raw"].fillna(-1).to_dict() == {"a": 1, "b": 0, "c": -1}
    runs = found.runs[found.runs.variant == "typeset"].set_index("metric")
    assert set(runs.index) == {"SeqAcc/raw", *whole}
    assert runs.value["FD-EffNetLite0/truth"] == 9  # real pictures are all there
    assert pd.isna(runs.value["FD-EffNetLite0/raw"])
    assert runs.reason["FD-EffNetLite0/raw"] == "1 of 3 samples are unsupported"
    assert runs.value["SeqAcc/raw"] == pytest.approx(1 / 3)  # of the run, as it was scored
    said = gaps.explain(found)
    assert (
        "typeset, editing: 1 of 3 samples unsupported (as: no é); 1 of 3 samples error" in said[0]
    )


def test_a_metric_may_leave_unsupported_samples_out_of_its_file(comparison):
    lines = [
        {"id": "a", "word": "AB", "source_word": "CD", "status": "ok"},
        {"id": "c", "word": "é", "source_word": "C", "status": "unsupported", "reason": "no é"},
    ]
    for cell in comparison:
        leave_scores(cell, {"SeqAcc/raw": {"a": 1}}, samples=lines)
    own = record.collect(comparison).images.drop_duplicates("id").set_index("id")
    assert own["SeqAcc/raw"]["a"] == 1
    assert pd.isna(own["SeqAcc/raw"]["c"])


def test_where_every_sample_is_unsupported_there_is_no_value_at_all(comparison):
    lines = [
        {"id": i, "word": "é", "source_word": "C", "status": "unsupported", "reason": "no"}
        for i in "ab"
    ]
    for cell in comparison:
        leave_scores(cell, {"SeqAcc/raw": {"a": 0, "b": 0}}, samples=lines)
    found = record.collect(comparison)
    assert found.runs.value.isna().all()
    assert found.images["SeqAcc/raw"].isna().all()
    assert set(found.runs.reason) == {"2 of 2 samples are unsupported"}


def test_cells_without_scores_say_why(cells):
    leave_scores(cells[0], {"SeqAcc/raw": {"a": 1}})
    failed = {"error": "RunError", "message": "the loss is not finite"}
    train = cells[1].train
    train.folder.mkdir(parents=True)
    (train.folder / "FAILED.json").write_text(json.dumps(failed))
    cells[2].train.prepare()  # killed before its first checkpoint
    found = record.collect(cells)
    said = {line.split(":")[0]: line for line in gaps.explain(found)}
    assert (
        "seed 1: the stage train failed (RunError: the loss is not finite)"
        in (said["none, reconstruction"])
    )
    assert said["not run yet, reconstruction"].endswith(": full")
    assert "seed 0" not in said["none, reconstruction"]
    begun = f"{cells[2].variant.name}, reconstruction"
    assert "the stage train has not been run to its end" in said[begun]


def test_without_any_score_there_is_no_record(cells):
    with pytest.raises(RunError, match=r"^no cell of the study is scored yet; run it first$"):
        record.collect(cells)


def test_scores_of_another_metric_version_are_refused_by_name(cells):
    for cell in cells:
        leave_scores(cell, {"SeqAcc/raw": {"a": 1}}, version=99)
    with pytest.raises(UserError) as caught:
        record.collect(cells)
    assert "version 99 of SeqAcc/raw" in str(caught.value)
    assert f"{cells[0].score.name}/scores.json" in str(caught.value)
    assert "--force score" in str(caught.value)


def test_samples_of_another_manifest_are_refused_by_name(cells):
    for cell in cells:
        leave_scores(cell, {"SeqAcc/raw": {"a": 1}})
    manifest = cells[2].sample.folder / "manifest.json"
    manifest.write_text(json.dumps({"hash": "0123456789abcdef"}))
    with pytest.raises(UserError) as caught:
        record.collect(cells)
    assert str(manifest) in str(caught.value)
    assert "the manifest 0123456789abcdef" in str(caught.value)
    assert cells[2].sample.identity["manifest"] in str(caught.value)


@pytest.mark.parametrize("values", [{"a": 1}, {"a": 1, "b": 0, "c": 1}, {"a": 1, "x": 0}])
def test_values_of_other_samples_are_refused_by_name(cells, values):
    lines = [{"id": i, "word": "A", "source_word": "A"} for i in "ab"]
    leave_scores(cells[0], {"SeqAcc/raw": values}, samples=lines)
    with pytest.raises(UserError) as caught:
        record.collect(cells)
    assert f"{cells[0].score.name}/per_image.csv holds {len(values)} samples" in str(caught.value)
    assert "it is of another manifest" in str(caught.value)


def test_notes_say_where_they_hold(cells):
    for cell in cells:
        bad = cell.variant.name == "none"
        leave_scores(cell, {"SeqAcc/raw": {"a": 1}}, warnings=["few samples"] if bad else [])
    found = record.collect(cells)
    assert gaps.notes(found, ["SeqAcc/raw"]) == ["SeqAcc/raw (reconstruction: none): few samples"]
    found.runs["warnings"] = "few samples"
    assert gaps.notes(found, ["SeqAcc/raw"]) == ["SeqAcc/raw (reconstruction): few samples"]


def test_an_empty_metric_says_why_and_a_variant_without_any_value_is_told_among_the_gaps(cells):
    for cell in cells:
        leave_scores(cell, {"SeqAcc/raw": {"a": 1}, "NED/raw": {"a": 1}})
    found = record.collect(cells)
    empty = found.runs.metric == "SeqAcc/raw"
    found.runs.loc[empty, ["value", "reason"]] = [float("nan"), "no weights"]
    expected = ["SeqAcc/raw (reconstruction): empty, as no weights"]
    assert gaps.notes(found, ["NED/raw", "SeqAcc/raw"]) == expected
    found.runs.loc[found.runs.variant != "full", "value"] = float("nan")
    expected = ["SeqAcc/raw (reconstruction: full): empty, as no weights"]
    assert gaps.notes(found, ["NED/raw", "SeqAcc/raw"]) == expected
