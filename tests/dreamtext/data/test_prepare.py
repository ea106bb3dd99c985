"""Preparing: splits, resuming, workers, what the index gives back, and what it costs to open."""

import json
import os

import numpy as np
import pytest
from helpers.data_scenes import box, prepared, scene, whole

from dreamtext.configs.sections import DataConfig
from dreamtext.data import open_dataset
from dreamtext.data import prepare as preparing
from dreamtext.data.index import FOLDER, open_index
from dreamtext.data.prepare import prepare
from dreamtext.data.splits import by_hash
from dreamtext.data.writers import WRITERS, write
from dreamtext.errors import Interrupted, UserError

FORMATS = tuple(WRITERS)
WORDS = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX")


def _pictures(split_of=lambda k: "train"):
    return [scene((w, box(100, 100, 250, 60)), split=split_of(k)) for k, w in enumerate(WORDS)]


@pytest.mark.parametrize("name", FORMATS)
def test_every_word_is_in_exactly_one_split(name, tmp_path):
    root = tmp_path / name
    splits = ["train", "train", "validation", "validation", "test", "train"]
    report = prepared(name, root, *_pictures(splits.__getitem__))
    assert report["splits"] == {"train": 3, "validation": 2, "test": 1}
    found = {s: {x.word for x in whole(name, root, s)} for s in report["splits"]}
    assert found["train"] == {"ONE", "TWO", "SIX"}
    assert found["validation"] == {"THREE", "FOUR"}
    assert found["test"] == {"FIVE"}


def test_the_hash_split_is_pinned_and_near_its_shares():
    # Changing it would move samples between training and test behind everyone's back.
    names = [f"8/ballet_106_{k}.jpg" for k in (0, 3, 22)]
    assert [by_hash(name) for name in names] == ["train", "test", "validation"]
    counts = np.unique([by_hash(str(k)) for k in range(20_000)], return_counts=True)
    shares = dict(zip(counts[0].tolist(), counts[1] / 20_000, strict=True))
    assert shares["test"] == pytest.approx(0.02, abs=0.004)
    assert shares["validation"] == pytest.approx(0.02, abs=0.004)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_index_gives_the_same_sample(name, tmp_path):
    prepared(name, tmp_path / name, *_pictures())
    config = DataConfig(name=name, root=str(tmp_path / name))
    one, two = open_dataset(config, "train"), open_dataset(config, "train")
    assert one.revision == two.revision
    assert len(one) == len(WORDS)
    for k in range(len(one)):
        assert one[k].id == two[k].id
        assert "/" not in one[k].id
        for field in ("image", "region", "characters", "quad"):
            assert np.array_equal(getattr(one[k], field), getattr(two[k], field))
        assert one[k].image.shape == (32, 64, 3)


@pytest.mark.parametrize("name", FORMATS)
def test_an_interrupted_run_goes_on_and_ends_the_same(name, tmp_path, monkeypatch):
    root = tmp_path / name
    write(name, root, _pictures())
    straight = prepare(name, root, tmp_path / "straight", chunk=2, progress=False)
    read, done = preparing.read_chunk, []

    def stop_at_the_second(*args):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(args)
        return read(*args)

    monkeypatch.setattr(preparing, "read_chunk", stop_at_the_second)
    with pytest.raises(Interrupted, match="same command"):
        prepare(name, root, tmp_path / "broken", chunk=2, progress=False)
    assert not (tmp_path / "broken" / "index.json").exists()

    reads = []
    monkeypatch.setattr(preparing, "read_chunk", lambda *a: reads.append(a) or read(*a))
    resumed = prepare(name, root, tmp_path / "broken", chunk=2, progress=False)
    assert len(reads) == 2, "the finished chunk is not read again"
    assert resumed == straight
    for file in ("words.arrow", "images.arrow"):
        assert (tmp_path / "broken" / file).read_bytes() == (
            tmp_path / "straight" / file
        ).read_bytes()
    assert not (tmp_path / "broken" / "parts").exists()


def test_workers_and_chunks_change_nothing(tmp_path):
    root = tmp_path / "data"
    write("textseg", root, _pictures())
    alone = prepare("textseg", root, tmp_path / "a", progress=False)
    shared = prepare("textseg", root, tmp_path / "b", workers=2, chunk=1, progress=False)
    assert alone == shared


def test_the_revision_follows_the_content(tmp_path):
    first = prepared("icdar13", tmp_path / "a", *_pictures())
    same = prepared("icdar13", tmp_path / "b", *_pictures())
    other = prepared("icdar13", tmp_path / "c", *_pictures()[1:])
    assert first["revision"] == same["revision"] != other["revision"]


def test_an_index_inside_the_data_moves_with_it_and_one_outside_is_found_by_itself(tmp_path):
    prepared("icdar13", tmp_path / "a", *_pictures())
    os.rename(tmp_path / "a", tmp_path / "moved")
    assert whole("icdar13", tmp_path / "moved")[0].word == "ONE"
    prepare("icdar13", tmp_path / "moved", tmp_path / "outside", progress=False)
    assert whole("icdar13", tmp_path / "outside")[0].word == "ONE"


def test_opening_what_is_not_prepared_or_another_set_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="data prepare icdar13"):
        open_index(tmp_path, "icdar13")
    with pytest.raises(UserError, match=r"data\.root"):
        open_dataset(DataConfig(name="icdar13"), "train")
    prepared("icdar13", tmp_path / "a", *_pictures())
    with pytest.raises(UserError, match="icdar13"):
        open_index(tmp_path / "a", "textseg")
    with pytest.raises(UserError, match="not a split"):
        whole("icdar13", tmp_path / "a", "unseen_fonts")
    with pytest.raises(UserError, match="no words"):
        whole("icdar13", tmp_path / "a", "test")
    (tmp_path / "a" / FOLDER / "words.arrow").write_bytes(b"")
    with pytest.raises(UserError, match="anew"):
        open_index(tmp_path / "a", "icdar13")


def test_an_index_of_another_version_is_refused(tmp_path):
    prepared("icdar13", tmp_path / "a", *_pictures())
    path = tmp_path / "a" / FOLDER / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    with pytest.raises(UserError, match="another version"):
        open_index(tmp_path / "a", "icdar13")


def test_words_longer_than_configured_are_left_out(tmp_path):
    prepared("icdar13", tmp_path / "a", *_pictures())
    config = DataConfig(name="icdar13", root=str(tmp_path / "a"), max_length=4)
    assert {s.word for s in open_dataset(config, "train")} == {"ONE", "TWO", "FOUR", "FIVE", "SIX"}


def test_a_least_area_of_ones_own_is_used_and_recorded(tmp_path):
    small = ("WORD", box(100, 100, 60, 20))
    report = prepared("icdar13", tmp_path / "a", scene(small), min_region=0.001)
    assert report["words"] == 1
    assert report["min_region"] == 0.001


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    write("icdar13", tmp_path / "a", _pictures()[:1])
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--index"):
        prepare("icdar13", tmp_path / "a", tmp_path / "file" / "index", progress=False)
