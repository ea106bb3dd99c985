"""`dreamtext data`: from files written by ourselves to an index, a sheet, a manifest, shards."""

import json

import numpy as np
import pytest
from helpers.data_scenes import box, prepared, scene
from PIL import Image
from typer.testing import CliRunner

from benchmarks.commands.data import app
from benchmarks.runs import manifest
from benchmarks.runs.manifest import Benchmark
from dreamtext.configs.sections import DataConfig
from dreamtext.data.contact_sheet import COLOURS, overlay, sheet
from dreamtext.data.index import open_index
from dreamtext.data.prepared import PreparedDataset
from dreamtext.errors import UserError


def _run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("textseg")
    words = ("ONE", "TWO", "THREE", "FOUR")
    pictures = [
        scene((w, box(60, 100, 250, 60)), ("Same", box(60, 300, 250, 60)), split="test")
        for w in words
    ]
    prepared("textseg", root / "set", *pictures)
    return root


def test_written_prepared_checked_packed_and_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMTEXT_CACHE", str(tmp_path / "cache"))
    made, packed, picture = tmp_path / "made", tmp_path / "packed", tmp_path / "a" / "sheet.png"
    _run("write", "icdar13", made, "--n", 3)
    report = _run("prepare", "icdar13", made)
    assert "indexed" in report
    assert "without character masks" in report
    assert "0 files are bad" in _run("check", "icdar13", made)
    _run("shards", "icdar13", made, packed)
    size = ("data.height=64", "data.width=64")
    _run("show", "icdar13", *size, "--root", packed, "--n", 3, "--out", picture)
    assert Image.open(picture).size[0] > 3 * 64


def test_bad_files_are_listed_and_the_exit_code_tells(folder, tmp_path):
    import shutil

    root = tmp_path / "set"
    shutil.copytree(folder / "set", root)
    pictures = sorted((root / "image").iterdir())
    pictures[0].write_bytes(pictures[0].read_bytes()[:4000])
    pictures[1].unlink()
    next((root / "annotation").glob("a00002_mask.png")).unlink()
    output = _run("check", "textseg", root, code=1)
    for name in (pictures[0].name, pictures[1].name, "a00002_mask.png", "3 files are bad"):
        assert name in output


def test_a_sheet_of_an_unknown_split_or_of_nothing_is_refused():
    with pytest.raises(UserError, match="unknown split 'nosplit' of the embedded world"):
        CliRunner().invoke(app, ["show", "embedded", "--split", "nosplit"], catch_exceptions=False)
    assert "greater than or equal to 1" in _run("show", "embedded", "--n", 0, code=2)


def test_a_manifest_is_frozen_hashed_and_reproducible(folder, tmp_path):
    out = tmp_path / "m.json"
    options = ("--root", folder / "set", "--n", 5, "--task", "editing", "--seed", 3)
    output = _run("manifest", "textseg", *options, "--out", out)
    read = manifest.read(out)
    assert read.hash in output
    _run("manifest", "textseg", *options, "--out", tmp_path / "again.json")
    assert manifest.read(tmp_path / "again.json") == read
    index = open_index(folder / "set", "textseg")
    rows = index.rows("test")
    assert len({i for i, _, _ in read.entries}) == 5
    for i, word, _ in read.entries:
        old = index.entry(int(rows[i])).mark.word
        assert len(word) == len(old)
        assert word.lower() != old.lower()
        assert word.isupper() == old.isupper()
    values = json.loads(out.read_text())
    values["entries"][0][1] = "OTHER"
    out.write_text(json.dumps(values))
    with pytest.raises(UserError, match="edited"):
        manifest.read(out)


def test_a_manifest_follows_seed_task_and_asks_for_no_more_than_there_is(folder):
    config = DataConfig(name="textseg", root=str(folder / "set"))
    one = manifest.draw(config, Benchmark(n=4, seed=1))
    two = manifest.draw(config, Benchmark(n=4, seed=2))
    assert one.hash != two.hash
    index = open_index(folder / "set", "textseg")
    rows = index.rows("test")
    assert all(w == index.entry(int(rows[i])).mark.word for i, w, _ in one.entries)
    with pytest.raises(UserError, match="has 8 words"):
        manifest.draw(config, Benchmark(n=9))


def test_the_sheet_shows_each_character_in_its_colour(folder):
    config = DataConfig(name="textseg", root=str(folder / "set"), height=64, width=64)
    sample = PreparedDataset(config, "test")[0]
    marked, masks = overlay(sample, scale=3)
    assert marked.shape == masks.shape == (192, 192, 3)
    for k in range(len(sample.word)):
        where = np.repeat(np.repeat(sample.characters == k + 1, 3, 0), 3, 1)
        mean = masks[where].mean(axis=0)
        nearest = np.abs(COLOURS[1:] * 0.65 + 80 - mean).sum(axis=1).argmin()
        assert nearest == k
    picture = sheet([sample] * 5, columns=2, tile_px=100)
    assert picture.shape[0] > 3 * 128
