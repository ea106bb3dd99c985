"""The generic data set: a folder of images, words as JSON lines or in ICDAR's text format."""

import json

import numpy as np
import pytest
from helpers.data_scenes import SIZE, WORD, box, prepared, scene, whole
from PIL import Image

from dreamtext.data.annotation import Reason
from dreamtext.data.prepare import prepare


def _image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (SIZE, SIZE), (90, 120, 90)).save(path)


def _lines(root, *values):
    for value in values:
        _image(root / value["image"])
    (root / "words.jsonl").write_text("".join(json.dumps(v) + "\n" for v in values))
    return prepare("folder", root, progress=False)


QUAD = WORD[1].tolist()


def test_words_without_masks_and_with_them_stand_side_by_side(tmp_path):
    picture = scene(WORD, ("SECOND", box(100, 300, 250, 60)))
    prepared("folder", tmp_path, picture)
    line = json.loads((tmp_path / "words.jsonl").read_text())
    del line["words"][0]["characters"]
    (tmp_path / "words.jsonl").write_text(json.dumps(line))
    prepare("folder", tmp_path, progress=False)
    dataset = whole("folder", tmp_path)
    assert {s.word: s.has_characters for s in dataset} == {"HELLO": False, "SECOND": True}
    assert dataset.has_characters


def test_a_folder_without_masks_says_so(tmp_path):
    _lines(tmp_path, {"image": "a.png", "words": [{"text": "HELLO", "quad": QUAD}]})
    dataset = whole("folder", tmp_path, "test")  # without a split it is test
    assert [s.word for s in dataset] == ["HELLO"]
    assert not dataset.has_characters


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ({"text": "HELLO"}, Reason.DAMAGED),
        ({"text": "HELLO", "quad": QUAD[:3]}, Reason.DAMAGED),
        ({"text": "HELLO", "quad": QUAD[::-1]}, Reason.BOX_REVERSED),
        ({"text": "HELLO", "quad": QUAD, "characters": [1, 2]}, Reason.MISCOUNTED),
        ({"text": "HELLO", "quad": QUAD, "characters": [1, 2, 3, 4, 4]}, Reason.MISCOUNTED),
        ({"text": "HELLO", "quad": QUAD, "characters": [1, 2, 3, 4, 300]}, Reason.DAMAGED),
        ({"text": "HELLO", "quad": QUAD, "characters": [1, 2, 3, 4, 5]}, Reason.MASK_MISSING),
        ({"text": "###", "quad": QUAD}, Reason.ILLEGIBLE),
    ],
)
def test_a_bad_word_is_dropped_with_a_reason_and_the_rest_stays(word, reason, tmp_path):
    good = {"text": "good", "quad": QUAD}
    report = _lines(tmp_path, {"image": "a.png", "split": "train", "words": [word, good]})
    assert report["dropped_words"] == {reason: 1}
    assert [s.word for s in whole("folder", tmp_path)] == ["good"]


def test_a_bad_line_is_counted(tmp_path):
    good = {"image": "a.png", "words": [{"text": "good", "quad": QUAD}]}
    _lines(tmp_path, good)
    with (tmp_path / "words.jsonl").open("a") as file:
        file.write("not json\n")
        file.write(json.dumps({**good, "split": "demo"}) + "\n")
        file.write(json.dumps({**good, "image": "../../etc/passwd"}) + "\n")
    report = prepare("folder", tmp_path, progress=False)
    assert report["dropped_images"] == {
        Reason.DAMAGED: 1,
        Reason.NO_SPLIT: 1,
        Reason.OUTSIDE_ROOT: 1,
    }
    assert report["words"] == 1


def test_the_text_format_of_icdar_with_corners_and_with_boxes(tmp_path):
    for name in ("train/img_1.jpg", "train/img_2.jpg", "pictures/photo.png"):
        _image(tmp_path / name)
    corners = "100,100,350,100,350,160,100,160,{}\r\n"
    (tmp_path / "train_gt").mkdir()
    lines = [corners.format(text) for text in ("HELLO", "a,b", "###", "Genaxis Theatre")]
    (tmp_path / "train_gt/gt_img_1.txt").write_text("\ufeff" + "".join(lines), newline="")
    (tmp_path / "train_gt/gt_img_2.txt").write_text('100 100 350 160 "BOXED"\nnothing\n')
    (tmp_path / "pictures/photo.txt").write_text("100,300,350,290,350,350,100,360,Slant")
    (tmp_path / "README.txt").write_text("of no image")
    report = prepare("folder", tmp_path, progress=False)
    assert report["dropped_words"] == {Reason.ILLEGIBLE: 1, Reason.FOREIGN: 1, Reason.DAMAGED: 1}
    assert report["dropped_images"] == {}
    train = {s.word: s for s in whole("folder", tmp_path, "train")}
    assert set(train) == {"HELLO", "a,b", "BOXED"}
    assert np.abs(train["BOXED"].quad - train["HELLO"].quad).max() <= 1
    (slant,) = whole("folder", tmp_path, "test")
    assert np.abs(slant.quad - [[100, 300], [350, 290], [350, 350], [100, 360]]).max() <= 1


def test_an_annotation_without_its_image_is_counted(tmp_path):
    _image(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("100,100,350,100,350,160,100,160,HERE")
    (tmp_path / "gt_b.txt").write_text("100,100,350,100,350,160,100,160,GONE")
    report = prepare("folder", tmp_path, progress=False)
    assert report["dropped_images"] == {Reason.IMAGE_MISSING: 1}
    assert report["words"] == 1
