"""ScenePair: pairs joined by file name, their other words and true pictures, what is left out."""

import shutil

import cv2
import numpy as np
import pytest
from helpers.scene_pairs import PAIRS, crop, write_pairs

from dreamtext.configs.sections import DataConfig
from dreamtext.data import open_dataset
from dreamtext.data.annotation import Reason
from dreamtext.data.check import check
from dreamtext.data.index import open_index
from dreamtext.data.packing import pack
from dreamtext.data.prepare import prepare
from dreamtext.errors import UserError


def config(root, height=56, width=120):
    return DataConfig(name="scenepair", root=str(root), height=height, width=width)


@pytest.fixture
def root(tmp_path):
    return write_pairs(tmp_path / "ScenePair")


def test_a_sample_is_the_first_crop_and_its_target_the_second(root):
    report = prepare("scenepair", root, progress=False)  # crops are small, and none is too small
    assert report["splits"] == {"train": 0, "validation": 0, "test": 3}
    dataset = open_dataset(config(root), "test")
    assert not dataset.has_characters
    for index, (name, (first, second)) in enumerate(PAIRS.items()):
        sample, target = dataset[index], dataset.target(index, second)
        assert (sample.word, target.word, sample.region.all()) == (first, second, True)
        read = cv2.imread(str(root / "i_s" / name))[..., ::-1]
        assert np.array_equal(sample.image, read)
        other = cv2.imread(str(root / "t_f" / name))[..., ::-1]
        stretched = cv2.resize(other, (120, 56), interpolation=cv2.INTER_AREA)
        assert np.abs(target.image.astype(int) - stretched).max() <= 1
        assert dataset.target(index, "OTHER") is None


def test_a_target_stands_where_the_crop_does_when_the_frame_has_another_shape(root):
    prepare("scenepair", root, progress=False)
    dataset = open_dataset(config(root, height=128, width=128), "test")
    sample, target = dataset[0], dataset.target(0, "UNDER")
    assert 0 < sample.region.mean() < 1
    assert np.array_equal(sample.image[~sample.region], target.image[~sample.region])
    assert (sample.image[sample.region] != target.image[sample.region]).any()


@pytest.mark.parametrize(
    ("told", "sources"),
    [(True, ["street.jpg", "street.jpg", "shop.jpg"]), (False, ["0.png", "1.jpg", "2.png"])],
)
def test_crops_of_one_photograph_share_it_where_the_files_tell(told, sources, tmp_path):
    root = write_pairs(tmp_path / "set", photographs=told)
    prepare("scenepair", root, progress=False)
    dataset = open_dataset(config(root), "test")
    assert [dataset[i].attributes["source"] for i in range(3)] == sources


@pytest.mark.parametrize("missing", ["i_s", "t_f", "i_s.txt", "i_t.txt"])
def test_what_is_not_scenepair_is_refused_by_name(missing, root):
    path = root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(UserError, match=rf"'{missing}' was looked for"):
        prepare("scenepair", root, progress=False)


def test_pairs_that_cannot_be_used_are_counted_with_a_reason(root):
    bad = {
        "none.png": ("Plain", None),  # no line in i_t.txt
        "bare.png": ("", "Word"),
        "long.png": ("Plain", "Unreasonable-length"),
        "alien.png": ("Plain", "Straße"),
        "lost.png": ("Plain", "Word"),  # no crop in t_f
        "broken.png": ("Plain", "Word"),
        "twice.png": ("Plain", "Word"),
    }
    with (root / "i_s.txt").open("a") as first, (root / "i_t.txt").open("a") as second:
        for name, words in bad.items():
            for folder in ("i_s", "t_f"):
                cv2.imwrite(str(root / folder / name), crop("Plain", 120))
            first.write(f"{name}\t{words[0]}\n")
            if words[1] is not None:
                second.write(f"{name} {words[1]}\n")
        first.write("twice.png Other\n../../secret.png Word\n")
        second.write("../../secret.png Word\n")
    (root / "t_f" / "lost.png").unlink()
    (root / "t_f" / "broken.png").write_bytes((root / "t_f" / "broken.png").read_bytes()[:200])
    report = prepare("scenepair", root, progress=False)
    assert report["words"] == 3
    assert report["dropped_images"] == {
        Reason.DAMAGED: 2,
        Reason.PAIR_MISSING: 1,
        Reason.OUTSIDE_ROOT: 1,
    }
    assert report["dropped_words"] == {
        Reason.TOO_LONG: 1,
        Reason.FOREIGN: 1,
        Reason.PAIR_MISSING: 2,
        Reason.OUTSIDE_ROOT: 1,
    }


def test_a_check_opens_second_crops_too_and_packing_says_why_not(root, tmp_path):
    prepare("scenepair", root, progress=False)
    (root / "t_f" / "0.png").unlink()
    bad = check(open_index(root, "scenepair"), tmp_path / "note.json", progress=False)
    assert bad == [("t_f/0.png", Reason.MASK_MISSING)]
    with pytest.raises(UserError, match="not packed"):
        pack(open_index(root, "scenepair"), tmp_path / "shards", progress=False)
