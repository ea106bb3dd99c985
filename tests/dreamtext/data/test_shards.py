"""Packing into tar shards: the same samples, readable by WebDataset, resumable."""

import json
import pickle

import numpy as np
import pytest
import webdataset
from helpers.data_scenes import box, prepared, scene, whole
from torch.utils.data import DataLoader

from dreamtext.configs.sections import DataConfig
from dreamtext.data import packing
from dreamtext.data.index import open_index
from dreamtext.data.packing import pack
from dreamtext.data.prepared import PreparedDataset
from dreamtext.data.sample import collate
from dreamtext.data.shards import order
from dreamtext.data.writers import WRITERS
from dreamtext.errors import Interrupted, UserError

WORDS = ("ONE", "TWO", "THREE", "FOUR", "FIVE")


def _pictures():
    return [scene((w, box(60, 100, 250, 60)), ("SAME", box(60, 300, 250, 60))) for w in WORDS]


@pytest.mark.parametrize("name", WRITERS)
def test_packed_samples_are_the_same_samples(name, tmp_path):
    prepared(name, tmp_path / "a", *_pictures())
    report = pack(open_index(tmp_path / "a", name), tmp_path / "b", images=2, progress=False)
    assert report["shards"] == {"count": 3, "images": 2}
    plain, packed = whole(name, tmp_path / "a"), whole(name, tmp_path / "b")
    assert plain.revision == packed.revision
    assert len(plain) == len(packed) == 10
    for one, two in zip(plain, packed, strict=True):
        assert (one.id, one.word, one.has_characters) == (two.id, two.word, two.has_characters)
        assert np.array_equal(one.image, two.image)
        assert np.array_equal(one.characters, two.characters)


def test_shards_are_ordinary_webdataset_ones(tmp_path):
    prepared("textseg", tmp_path / "a", *_pictures())
    pack(open_index(tmp_path / "a", "textseg"), tmp_path / "b", images=2, progress=False)
    urls = sorted(str(p) for p in (tmp_path / "b" / "shards").glob("*.tar"))
    read = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False))
    assert len(read) == 5
    for sample, word in zip(read, WORDS, strict=True):
        assert {"jpg", "mask.png", "json"} <= set(sample)
        values = json.loads(sample["json"])
        assert [w["word"] for w in values["words"]] == [word, "SAME"]


def test_an_interrupted_packing_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    prepared("laion_ocr", tmp_path / "a", *_pictures())
    index = open_index(tmp_path / "a", "laion_ocr")
    pack(index, tmp_path / "straight", images=2, progress=False)
    written, write = [], packing._write_shard

    def stop_at_the_third(*args):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(args)
        write(*args)

    monkeypatch.setattr(packing, "_write_shard", stop_at_the_third)
    with pytest.raises(Interrupted, match="same command"):
        pack(index, tmp_path / "broken", images=2, progress=False)
    with pytest.raises(UserError, match="no index"):
        open_index(tmp_path / "broken", "laion_ocr")
    monkeypatch.setattr(packing, "_write_shard", lambda *a: written.append(a) or write(*a))
    pack(index, tmp_path / "broken", images=2, progress=False)
    assert len(written) == 3
    for path in (tmp_path / "straight").rglob("*.*"):
        assert (tmp_path / "broken" / path.relative_to(tmp_path / "straight")).read_bytes() == (
            path.read_bytes()
        )


def test_a_folder_that_holds_another_set_is_refused(tmp_path):
    prepared("icdar13", tmp_path / "a", *_pictures())
    pack(open_index(tmp_path / "a", "icdar13"), tmp_path / "b", progress=False)
    with pytest.raises(UserError, match="another packed set"):
        pack(open_index(tmp_path / "a", "icdar13"), tmp_path / "b", progress=False)
    with pytest.raises(UserError, match="shards already"):
        pack(open_index(tmp_path / "b", "icdar13"), tmp_path / "c", progress=False)


@pytest.mark.parametrize(("source", "context"), [("files", "fork"), ("shards", "spawn")])
def test_workers_read_the_same_batches(source, context, tmp_path):
    prepared("textseg", tmp_path / "files", *_pictures())
    pack(open_index(tmp_path / "files", "textseg"), tmp_path / "shards", images=2, progress=False)
    config = DataConfig(name="textseg", root=str(tmp_path / source))
    dataset = PreparedDataset(config, "train")
    dataset[0]  # an opened file must not be shared with the workers' positions
    sampler = [list(range(k, k + 5)) for k in (0, 5)]
    alone = list(DataLoader(dataset, batch_sampler=sampler, collate_fn=collate))
    shared = list(
        DataLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=collate,
            num_workers=1 if context == "spawn" else 2,
            multiprocessing_context=context,
        )
    )
    for one, two in zip(alone, shared, strict=True):
        assert one.image.equal(two.image)
        assert one.tokens.equal(two.tokens)


def test_a_packed_set_pickles_as_its_place(tmp_path):
    prepared("textseg", tmp_path / "a", *_pictures())
    pack(open_index(tmp_path / "a", "textseg"), tmp_path / "b", images=2, progress=False)
    dataset = whole("textseg", tmp_path / "b")
    data = pickle.dumps(dataset)
    assert len(data) < 5000
    assert np.array_equal(pickle.loads(data)[3].image, dataset[3].image)


def test_the_order_is_a_seeded_permutation_that_stays_within_a_few_shards():
    shards = np.repeat(np.arange(100), 50)
    first = order(shards, seed=1, epoch=0)
    assert np.array_equal(np.sort(first), np.arange(5000))
    assert np.array_equal(first, order(shards, seed=1, epoch=0))
    assert not np.array_equal(first, order(shards, seed=1, epoch=1))
    assert not np.array_equal(first, order(shards, seed=2, epoch=0))
    touched = [len(set(shards[first[k : k + 400]])) for k in range(0, 5000, 400)]
    assert max(touched) <= 16
    assert shards[first[:400]].max() > 50, "the shards themselves are shuffled"


def test_training_reads_a_packed_set_in_that_order_and_a_plain_one_in_any(tmp_path):
    prepared("icdar13", tmp_path / "a", *_pictures())
    pack(open_index(tmp_path / "a", "icdar13"), tmp_path / "b", images=1, progress=False)
    packed = PreparedDataset(DataConfig(name="icdar13", root=str(tmp_path / "b")), "train")
    plain = PreparedDataset(DataConfig(name="icdar13", root=str(tmp_path / "a")), "train")
    assert sorted(packed.order(0, 0).tolist()) == list(range(10))
    assert np.array_equal(plain.order(0, 0), np.random.default_rng([0, 0]).permutation(10))
