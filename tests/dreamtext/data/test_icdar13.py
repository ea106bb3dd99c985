"""ICDAR13: what only its layout can get wrong."""

import dataclasses
from pathlib import Path

import cv2
import pytest
from helpers.data_scenes import WORD, scene, whole

from dreamtext.data.annotation import Reason
from dreamtext.data.prepare import prepare
from dreamtext.data.prepared import PreparedDataset


def _icdar(root: Path, content: bytes, name: str = "gt_img_1.txt", split: str = "Test") -> dict:
    for folder in ("Images", "GT"):
        (root / f"{split}_{folder}").mkdir(parents=True)
    cv2.imwrite(str(root / f"{split}_Images" / "img_1.jpg"), scene(WORD).image)
    (root / f"{split}_GT" / name).write_bytes(content)
    return prepare("icdar13", root, progress=False)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b'100, 100, 350, 160, "HELLO"\r\n', "HELLO"),
        (b'\xef\xbb\xbf100, 100, 350, 160, "HELLO"\r\n', "HELLO"),
        (b"100 100 350 160 HELLO", "HELLO"),
        (b'100 100 350 160 "HELLO"', "HELLO"),
        (b'100, 100, 350, 160, "1,000"', "1,000"),
        (b'100, 100, 350, 160, "say"it""', 'say"it"'),
        (b'100, 100, 350, 160, "12"', "12"),
        ('100, 100, 350, 160, "HELLO"'.encode("utf-16"), "HELLO"),
        (b"100.5,100,350,160,HELLO", "HELLO"),
    ],
)
@pytest.mark.parametrize("name", ["gt_img_1.txt", "gt_1.txt"])
def test_icdar_lines_of_every_kind(content, word, name, tmp_path):
    report = _icdar(tmp_path, content, name)
    assert report["splits"]["test"] == 1
    assert whole("icdar13", tmp_path, "test")[0].word == word


def test_the_other_words_of_a_picture_are_its_neighbours(tmp_path):
    _icdar(tmp_path, b"100, 100, 350, 160, HELLO\n100, 200, 350, 260, THERE\n0, 400, 300, 500, AT")
    dataset = whole("icdar13", tmp_path, "test")
    by_word = {dataset[i].word: dataset.neighbours(i) for i in range(len(dataset))}
    (named, quad), (other, _) = by_word["HELLO"]
    assert (named, other) == ("THERE", "AT")
    there = next(dataset[i] for i in range(len(dataset)) if dataset[i].word == "THERE")
    assert quad.tolist() == there.quad.tolist()
    assert [word for word, _ in by_word["AT"]] == ["HELLO", "THERE"]
    # Zoomed in on one word, what the frame cuts is no neighbour.
    config = dataclasses.replace(dataset.config, word_area=0.2)
    near = PreparedDataset(config, "test")
    assert [word for word, _ in near.neighbours(0)] != [word for word, _ in by_word["HELLO"]]
    for _, corners in near.neighbours(0):
        assert ((corners >= 0) & (corners <= 512)).all()


def test_icdar_bytes_that_are_no_utf8_lose_only_their_word(tmp_path):
    report = _icdar(tmp_path, b'100, 100, 350, 160, "caf\xe9"\n100, 200, 350, 260, "HELLO"\n')
    assert report["dropped_words"] == {Reason.FOREIGN: 1}
    assert report["words"] == 1


def test_icdar_lines_that_do_not_parse_are_counted(tmp_path):
    report = _icdar(tmp_path, b"100, 100, 350\nnan, 1, 2, 3, X\n350, 100, 100, 160, BACK\n")
    assert report["dropped_words"] == {
        Reason.DAMAGED: 1,
        Reason.BOX_NOT_FINITE: 1,
        Reason.BOX_REVERSED: 1,
    }


def test_icdar_has_no_character_masks(tmp_path):
    _icdar(tmp_path, b'100, 100, 350, 160, "HELLO"')
    dataset = whole("icdar13", tmp_path, "test")
    assert not dataset.has_characters
    assert not dataset[0].has_characters
    assert not dataset[0].characters.any()
