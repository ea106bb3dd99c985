"""Why cells are empty, and scores over supported samples."""

import json

from benchmarks.report import gaps, published
from benchmarks.study import load_study


def folder(path, statuses):
    path.mkdir(parents=True, exist_ok=True)
    lines = [
        {"id": str(i), "status": s, "reason": "" if s == "ok" else f"because of {s}"}
        for i, s in enumerate(statuses)
    ]
    (path / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_gaps_name_their_cause(tmp_path):
    study = load_study("comparison").narrowed(seeds=(0,), n=3, where={"variant": "truth|plain"})
    cells = study.cells(tmp_path)
    truth = next(c for c in cells if c.variant.name == "truth" and c.benchmark.task == "editing")
    folder(truth.sample.folder, ["unsupported"] * 3)
    truth.score.folder.mkdir(parents=True)
    (truth.score.folder / "DONE.json").write_text("{}")
    (truth.score.folder / "scores.json").write_text("[]")
    (truth.score.folder / "per_image.csv").write_text("id,NED/raw\n0,0\n1,0\n2,0\n")
    plain = next(c for c in cells if c.variant.name == "plain")
    plain.train.folder.mkdir(parents=True)
    failed = {"error": "RunError", "message": "the loss is not finite"}
    (plain.train.folder / "FAILED.json").write_text(json.dumps(failed))
    found = {line.split(":")[0]: line for line in gaps.explain(cells)}
    assert "3 of 3 samples unsupported (as: because of unsupported)" in found["truth, editing"]
    assert "the stage train failed (RunError: the loss" in found["plain, reconstruction"]
    assert "the stage sample has not been run" in found["truth, reconstruction"]


def test_notes_say_why_a_metric_is_empty_and_what_to_know_of_the_others(tmp_path):
    study = load_study("comparison").narrowed(seeds=(0,), n=3, where={"variant": "truth|plain"})
    cells = study.cells(tmp_path)
    rows = [
        {"metric": "FID/raw", "value": None, "reason": "no Inception-v3 was given"},
        {"metric": "FD-EffNetLite0/raw", "value": 0.3, "reason": "", "warnings": ["n = 3 is few"]},
        {"metric": "effdist/raw", "value": 0.1, "reason": ""},
    ]
    for cell in cells:
        alone = cell.variant.name == "plain" and cell.benchmark.task == "editing"
        cell.score.folder.mkdir(parents=True)
        own = [{**rows[2], "value": None, "reason": "another word"}] if alone else rows
        (cell.score.folder / "scores.json").write_text(json.dumps(own))
        (cell.score.folder / "DONE.json").write_text("{}")
    assert gaps.notes(cells, ["FD-EffNetLite0/raw", "FID/raw", "effdist/raw"]) == [
        "FD-EffNetLite0/raw (reconstruction; editing: truth): n = 3 is few",
        "FID/raw (reconstruction; editing: truth): empty, as no Inception-v3 was given",
        "effdist/raw (editing: plain): empty, as another word",
    ]


def test_rows_shared_with_the_supervision_study_are_the_same_runs(tmp_path):
    own, other = (load_study(n).cells(tmp_path) for n in ("comparison", "supervision"))

    def runs(cells, name):
        return [[r.name for r in c.runs] for c in cells if c.variant.name == name]

    assert runs(own, "unsupervised") == runs(other, "none")
    assert runs(own, "dreamtext-objective") == runs(other, "balanced")


def test_published_numbers_stand_beside_the_comparison_alone():
    head, rows = published.beside("comparison")
    systems = {row[0] for row in rows}
    assert {"DreamText", "UDiffText", "TextDiffuser", "MOSTEL"} <= systems
    assert all(len(row) == len(head) for row in rows)
    assert published.beside("supervision") is None
