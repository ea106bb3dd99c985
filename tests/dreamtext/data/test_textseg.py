"""TextSeg: what only its layout can get wrong."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.data_scenes import WORD, scene, whole

from dreamtext.data.annotation import Reason
from dreamtext.data.prepare import prepare
from dreamtext.data.writers import write


def _textseg(root: Path, change: object) -> dict:
    write("textseg", root, [scene(WORD)])
    path = next(root.rglob("*_anno.json"))
    values = json.loads(path.read_text())
    path.write_text(json.dumps(change(values) or values))  # type: ignore[operator]
    return prepare("textseg", root, progress=False)


def test_textseg_a_word_without_characters_is_kept_without_masks(tmp_path):
    report = _textseg(tmp_path / "t", lambda v: v["0"].pop("char") and None)
    assert report["words"] == report["seen"]["without characters"] == 1
    assert not whole("textseg", tmp_path / "t")[0].has_characters


def test_textseg_characters_that_spell_another_word_give_no_masks(tmp_path):
    report = _textseg(tmp_path / "t", lambda v: v["0"]["char"]["2"].update(text="X"))
    assert report["seen"]["without characters"] == 1


def test_textseg_keys_are_ordered_as_numbers(tmp_path):
    def shuffle(values: dict) -> None:
        listed = values["0"]["char"]
        values["0"]["char"] = {str(int(k) + 8): listed[k] for k in sorted(listed, reverse=True)}

    report = _textseg(tmp_path / "t", shuffle)
    assert report["words"] == 1
    sample = whole("textseg", tmp_path / "t")[0]
    assert sample.has_characters
    centres = [np.nonzero(sample.characters == k + 1)[1].mean() for k in range(5)]
    assert centres == sorted(centres)


def test_textseg_instances_missing_in_the_mask_reject_the_word(tmp_path):
    report = _textseg(tmp_path / "t", lambda v: v["0"]["char"]["2"].update(mask_value=77))
    assert report["dropped_words"] == {Reason.LETTER_MISSING: 1}


@pytest.mark.parametrize("value", ["[]", "7", "{", "", '{"a": 3}', '{"a": {"text": "X"}}'])
def test_textseg_damaged_annotations_are_counted(value, tmp_path):
    root = tmp_path / "t"
    write("textseg", root, [scene(WORD)])
    next(root.rglob("*_anno.json")).write_text(value)
    report = prepare("textseg", root, progress=False)
    assert report["words"] == 0
    reasons = report["dropped_words"] | report["dropped_images"]
    assert reasons == {Reason.DAMAGED: 1}


def test_textseg_images_in_no_list_are_counted_not_used(tmp_path):
    root = tmp_path / "t"
    write("textseg", root, [scene(WORD), scene(WORD)])
    (root / "split.json").write_text('{"train": ["a00000"], "val": [], "test": []}')
    report = prepare("textseg", root, progress=False)
    assert report["dropped_images"] == {Reason.NO_SPLIT: 1}


def test_textseg_a_mask_of_another_size_is_damaged(tmp_path):
    root = tmp_path / "t"
    write("textseg", root, [scene(WORD)])
    cv2.imwrite(str(next(root.rglob("*_mask.png"))), np.zeros((8, 8), np.uint8))
    report = prepare("textseg", root, progress=False)
    assert report["dropped_words"] == {Reason.MASK_DAMAGED: 1}
