"""A scored cell's compact form holds what its runs held, is done, and is refused when edited."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import small

from benchmarks.cells import gallery
from benchmarks.cells.keeping import keep_all
from benchmarks.cells.reader import CELL, KeptCell, RunCell
from benchmarks.launch import local
from benchmarks.launch.stages import execute
from benchmarks.launch.tasks import distinct_runs
from benchmarks.report import page
from benchmarks.study import Cell, Study, load_study
from dreamtext.errors import RunError


@pytest.fixture(scope="module")
def study() -> Study:
    where = {"variant": "full", "task": "reconstruction"}
    asked = load_study("supervision").narrowed(
        preset="smoke", seeds=(0,), n=6, overrides=small.OVERRIDES, where=where
    )
    return replace(asked, metrics=("SeqAcc/raw", "NED/raw", "mIoU"))


@pytest.fixture(scope="module")
def runs(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one scored cell."""
    root = tmp_path_factory.mktemp("runs")
    for run in study.cells(root)[0].runs:
        execute(run)
    return root


@pytest.fixture
def cell(study: Study, runs: Path, tmp_path: Path) -> Cell:
    """The cell, kept; its runs are nowhere to be seen."""
    keep_all([study.cells(runs)[0].score], tmp_path / "cells")
    return study.cells(tmp_path / "no runs", tmp_path / "cells")[0]


def test_a_kept_cell_says_what_its_runs_said(study, runs, cell):
    there = study.cells(runs)[0].scored
    assert isinstance(there, RunCell)
    assert isinstance(cell.scored, KeptCell)
    assert cell.scored.scores() == json.loads(json.dumps(there.scores()))
    pd.testing.assert_frame_equal(cell.scored.per_image(), there.per_image())
    assert {"word", "source_word", "NED/raw", "mIoU"} <= set(cell.scored.per_image())
    assert cell.scored.log() == there.log()
    assert len(cell.scored.log()) >= 12
    snapshots = [line for line in cell.scored.log() if "validation_NED" in line]
    assert [line["step"] for line in snapshots] == [6, 12]
    for line in snapshots:
        assert line["validation_words"] == 8
        assert 0 <= line["validation_SeqAcc"] <= line["validation_NED"] <= 1
        assert all(0 <= layer["miou"] <= 1 for layer in line["layers"].values())
        assert line["layers"]
    seconds = [line["cpu_s"] for line in cell.scored.log() if "cpu_s" in line]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0
    assert cell.scored.provenance() == json.loads(json.dumps(there.provenance()))
    assert list(cell.scored.provenance()) == ["train", "sample", "score"]
    for about in cell.scored.provenance().values():
        assert about["cpu_seconds"] > 0
        assert about["seconds"] > 0


def test_its_gallery_has_the_pictures_and_the_maps_within_what_bytes_can_hold(study, runs, cell):
    kept, there = cell.scored.gallery(), study.cells(runs)[0].scored.gallery()
    assert kept.ids == there.ids
    assert len(kept.ids) == 6
    for source, pictures in there.pictures.items():
        assert np.abs(kept.pictures[source].astype(int) - pictures).mean() < 12
    assert set(kept.maps) == set(there.maps)
    assert {"0.3", "0.6", "0.9"} <= set(kept.maps)
    for name, maps in there.maps.items():
        assert kept.maps[name] == pytest.approx(maps, abs=float(maps.max()) / 400)
    assert kept.characters is not None
    assert kept.characters.shape == kept.pictures["truth"].shape[:3]
    assert (kept.characters == there.characters).all()
    assert [int(own.max()) for own in kept.characters] == [len(word) for word in kept.words]
    size = sum(path.stat().st_size for path in cell.scored.folder.glob("gallery.*"))
    assert size < gallery.LIMIT


def test_a_gallery_that_would_be_too_large_shows_fewer_samples(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 255, (24, 64, 64, 3), dtype=np.uint8)
    words = ["A"] * 24
    large = gallery.Gallery(
        ids=[*map(str, range(24))],
        source_words=words,
        words=words,
        pictures={"raw": noise},
        maps={},
    )
    gallery.write(large, tmp_path)
    full = sum(path.stat().st_size for path in tmp_path.iterdir())
    monkeypatch.setattr(gallery, "LIMIT", full // 2)
    gallery.write(large, tmp_path)
    assert 1 <= len(gallery.read(tmp_path).ids) < 24
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= full // 2


def test_a_kept_cell_is_done_and_needs_no_run(study, cell):
    assert cell.done
    assert local.missing([cell]) == []
    assert distinct_runs([cell]) == []
    other = study.narrowed(n=5).cells(cell.score.root, cell.store)[0]
    assert not other.done
    assert len(distinct_runs([cell, other])) == 3


def test_a_report_is_drawn_from_kept_cells_alone(study, cell, tmp_path):
    page.write(study, [cell], tmp_path / "report")
    assert not cell.score.root.exists()
    assert "SeqAcc/raw" in (tmp_path / "report" / "table.md").read_text()
    assert (tmp_path / "report" / "sheet-reconstruction.png").exists()
    assert (tmp_path / "report" / "figures" / "training.svg").exists()


def test_forced_again_a_cell_is_no_longer_kept(cell):
    local.force([cell], "score")
    assert not cell.done


def _edit(path: Path) -> None:
    rows = json.loads(path.read_text())
    rows[0]["value"] = 1.0
    path.write_text(json.dumps(rows) + "\n")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("scores.json", _edit),
        ("per_image.parquet", _cut),
        ("log.jsonl.gz", Path.unlink),
        (CELL, _cut),
    ],
)
def test_an_edited_cell_is_refused_by_name(name, harm, cell):
    harm(cell.scored.folder / name)
    for read in (cell.scored.scores, cell.scored.per_image, cell.scored.log, cell.scored.gallery):
        with pytest.raises(RunError, match=cell.score.name):
            read()


def test_a_cell_under_another_signature_is_refused_by_name(study, cell):
    other = study.narrowed(n=5).cells(cell.score.root, cell.store)[0]
    shutil.copytree(cell.scored.folder, cell.store / other.score.name)
    with pytest.raises(RunError, match=f"{other.score.name} holds the values of {cell.score.name}"):
        other.scored.scores()


def test_a_cell_put_together_from_two_is_refused_by_name(cell):
    path = cell.scored.folder / CELL
    about = json.loads(path.read_text())
    about["runs"]["sample"]["identity"]["seed"] = 7
    path.write_text(json.dumps(about))
    with pytest.raises(RunError, match=f"{cell.score.name} is not of one piece"):
        cell.scored.scores()


def test_scores_of_another_version_of_a_metric_are_refused_by_name(cell):
    path = cell.scored.folder / CELL
    about = json.loads(path.read_text())
    rows = json.loads((path.parent / "scores.json").read_text())
    asked = rows[0]["version"]
    rows[0]["version"] += 1
    (path.parent / "scores.json").write_text(json.dumps(rows))
    from dreamtext.files import file_hash

    about["sha256"]["scores.json"] = file_hash(path.parent / "scores.json")
    path.write_text(json.dumps(about))
    with pytest.raises(RunError, match=f"version {asked + 1} of {rows[0]['metric']}"):
        cell.scored.per_image()


def test_keeping_that_fails_leaves_nothing(study, runs, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(gallery, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        keep_all([study.cells(runs)[0].score], tmp_path)
    assert list(tmp_path.iterdir()) == []
