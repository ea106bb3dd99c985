"""The embedded world, written in each data set's own layout and read back."""

import cv2
import numpy as np
import pytest
from helpers.data_scenes import iou, whole

from dreamtext.configs.sections import DataConfig
from dreamtext.data.annotation import Reason
from dreamtext.data.embedded.world import EmbeddedWorld
from dreamtext.data.prepare import prepare
from dreamtext.data.writers import WRITERS, scenes, write

PICTURES = 3


@pytest.fixture(scope="module")
def pictures():
    world = EmbeddedWorld(DataConfig(train_size=64, alphabet="alphanumeric"), "train", 64)
    return list(scenes(world, PICTURES, "train"))


def _pairs(name, root, pictures):
    """[(sample read back, the word's mark, its mask as written)], and the report."""
    write(name, root, pictures)
    report = prepare(name, root, progress=False)
    dataset = whole(name, root)
    names = sorted({image for image, _, _ in dataset.index.images()})
    pairs = []
    for sample, row in zip(dataset, dataset.rows, strict=True):
        entry = dataset.index.entry(int(row))
        picture = pictures[names.index(entry.image)]
        pairs.append((sample, picture.marks[entry.number], picture.characters[entry.number]))
    return pairs, report


@pytest.mark.parametrize("name", WRITERS)
def test_words_and_quads_come_back(name, tmp_path, pictures):
    pairs, report = _pairs(name, tmp_path / name, pictures)
    # LAION-OCR cannot tell touching letters apart: those words are rejected, and counted.
    allowed = {Reason.LETTER_AMBIGUOUS, Reason.LETTER_MISSING} if name == "laion_ocr" else set()
    assert set(report["dropped_words"]) <= allowed
    assert len(pairs) + sum(report["dropped_words"].values()) == PICTURES * 8
    assert len(pairs) >= 0.8 * PICTURES * 8
    for sample, mark, _ in pairs:
        assert sample.word == mark.word
        if name == "icdar13":
            ends = np.array([mark.quad.min(axis=0), mark.quad.max(axis=0)])
            assert np.abs(sample.quad[[0, 2]] - ends).max() <= 0.51
        else:
            assert np.abs(sample.quad - mark.quad).max() <= 0.51


@pytest.mark.parametrize("name", ["laion_ocr", "textseg", "folder"])
def test_masks_by_pixel_come_back(name, tmp_path, pictures):
    pairs, _ = _pairs(name, tmp_path / name, pictures)
    overlaps = [
        iou(sample.characters == k + 1, known == k + 1)
        for sample, mark, known in pairs
        for k in range(len(mark.word))
    ]
    assert np.mean(overlaps) >= 0.97
    assert np.mean(np.array(overlaps) >= 0.9) >= 0.95
    assert all(sample.has_characters for sample, _, _ in pairs)


def test_masks_by_corners_come_back_as_the_boxes_of_the_characters(tmp_path, pictures):
    pairs, _ = _pairs("synthtext", tmp_path / "synthtext", pictures)
    for sample, mark, known in pairs:
        for k in range(len(mark.word)):
            ink = known == k + 1
            read = sample.characters == k + 1
            x, y, w, h = cv2.boundingRect(ink.astype(np.uint8))
            box = np.zeros_like(ink)
            box[y : y + h, x : x + w] = True
            assert iou(read, box) >= 0.6
            # Neighbours' boxes overlap and the later one is drawn on top: some ink is covered.
            assert (read & ink).sum() >= 0.7 * ink.sum()


def test_the_picture_of_a_word_is_the_same_in_every_layout(tmp_path, pictures):
    shown = {}
    for name in ("laion_ocr", "textseg", "synthtext", "folder"):
        pairs, _ = _pairs(name, tmp_path / name, pictures)
        shown[name] = {s.word: s.image for s, _, _ in pairs}
    for word, image in shown["laion_ocr"].items():
        assert np.array_equal(image, shown["textseg"][word])
        assert np.array_equal(image, shown["folder"][word])
        assert np.array_equal(image, shown["synthtext"][word])
