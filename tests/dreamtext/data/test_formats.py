"""The cases every data set's loader must get right, in that data set's own layout."""

import json

import numpy as np
import pytest
from helpers.data_scenes import SIZE, WORD, box, iou, prepared, scene, whole
from scipy.io import loadmat, savemat

from dreamtext.data.annotation import Reason
from dreamtext.data.prepare import prepare
from dreamtext.data.writers import WRITERS, write
from dreamtext.errors import RunError, UserError

FORMATS = tuple(WRITERS)
WITH_MASKS = tuple(name for name in FORMATS if name != "icdar13")


@pytest.mark.parametrize("name", FORMATS)
def test_one_word_only(name, tmp_path):
    prepared(name, tmp_path / name, scene(WORD))
    (sample,) = list(whole(name, tmp_path / name))
    assert sample.word == "HELLO"
    assert np.abs(sample.quad - WORD[1]).max() <= 1
    assert sample.image.shape == (SIZE, SIZE, 3)
    expected = np.zeros((SIZE, SIZE), bool)
    expected[100:160, 100:350] = True
    assert iou(sample.region, expected) > 0.97


@pytest.mark.parametrize("name", FORMATS)
def test_one_character_only(name, tmp_path):
    prepared(name, tmp_path / name, scene(("A", box(100, 100, 60, 60))))
    (sample,) = list(whole(name, tmp_path / name))
    assert sample.word == "A"
    assert sample.has_characters == (name != "icdar13")


@pytest.mark.parametrize("name", WITH_MASKS)
@pytest.mark.parametrize("word", ["BOOKKEEPER", "AA", "level"])
def test_repeated_letters_keep_their_places(name, word, tmp_path):
    picture = scene((word, box(40, 200, 420, 60)))
    prepared(name, tmp_path / name, picture)
    (sample,) = list(whole(name, tmp_path / name))
    for k in range(len(word)):
        assert iou(sample.characters == k + 1, picture.characters[0] == k + 1) > 0.75, (word, k)


@pytest.mark.parametrize("name", WITH_MASKS)
def test_mixed_case_is_kept_and_masked(name, tmp_path):
    picture = scene(("LlaMa", box(40, 200, 420, 90)))
    prepared(name, tmp_path / name, picture)
    (sample,) = list(whole(name, tmp_path / name))
    assert sample.word == "LlaMa"
    for k in range(5):
        assert iou(sample.characters == k + 1, picture.characters[0] == k + 1) > 0.75


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("angle", [-30, 20])
def test_rotated_quad(name, angle, tmp_path):
    quad = box(130, 200, 260, 70, angle)
    picture = scene(("TURNED", quad))
    prepared(name, tmp_path / name, picture)
    (sample,) = list(whole(name, tmp_path / name))
    if name == "icdar13":  # its boxes are upright
        expected = np.array([quad.min(axis=0), quad.max(axis=0)])
        assert np.abs(sample.quad[[0, 2]] - expected).max() <= 1
        return
    assert np.abs(sample.quad - quad).max() <= 1
    for k in range(6):
        assert iou(sample.characters == k + 1, picture.characters[0] == k + 1) > 0.75


@pytest.mark.parametrize("name", FORMATS)
def test_a_box_outside_the_image_is_dropped_and_one_across_the_edge_is_kept(name, tmp_path):
    outside = ("GONE", box(600, 600, 200, 60))
    across = ("EDGE", box(-15, 300, 200, 60))
    report = prepared(name, tmp_path / name, scene(WORD, outside, across))
    assert report["dropped_words"] == {Reason.BOX_OUTSIDE: 1}
    words = {s.word: s for s in whole(name, tmp_path / name)}
    assert set(words) == {"HELLO", "EDGE"}
    assert words["EDGE"].image.shape == (SIZE, SIZE, 3)
    assert words["EDGE"].region.any()


@pytest.mark.parametrize("name", FORMATS)
def test_illegible_foreign_long_and_small_words_are_dropped_with_a_reason(name, tmp_path):
    words = [
        WORD,
        ("###", box(100, 200, 250, 60)),
        ("caf\u00e9", box(100, 270, 250, 60)),
        ("thirteenchars", box(100, 340, 250, 60)),
        ("tiny", box(100, 410, 60, 20)),
    ]
    # SynthText and LAION-OCR cannot write characters outside their own sets: no masks here.
    report = prepared(name, tmp_path / name, scene(*words, masks=name == "synthtext"))
    dropped = report["dropped_words"]
    for reason in (Reason.ILLEGIBLE, Reason.FOREIGN, Reason.TOO_LONG, Reason.TOO_SMALL):
        assert dropped[reason] == 1, reason
    assert report["seen"]["words"] == 5
    assert report["words"] == 5 - sum(dropped.values())


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_annotation_is_counted_and_harms_nothing(name, tmp_path):
    root = tmp_path / name
    write(name, root, [scene(WORD), scene(WORD)])
    if name == "synthtext":
        mat = loadmat(root / "gt.mat")
        cells = {k: mat[k] for k in ("imnames", "wordBB", "charBB", "txt")}
        cells["wordBB"][0, 1] = np.zeros((2, 4, 0), np.float32)
        cells["charBB"][0, 1] = np.zeros((2, 4, 0), np.float32)
        cells["txt"][0, 1] = np.array([" \n "])
        savemat(root / "gt.mat", cells)
    elif name == "folder":
        first, last = (json.loads(line) for line in (root / "words.jsonl").read_text().splitlines())
        lines = [json.dumps(first), json.dumps({**last, "words": []})]
        (root / "words.jsonl").write_text("\n".join(lines))
    else:
        kind = {"laion_ocr": "ocr.txt", "icdar13": "gt_*.txt", "textseg": "*_anno.json"}[name]
        last = sorted(root.rglob(kind))[-1]
        last.write_text("{}" if name == "textseg" else "")
    report = prepare(name, root, progress=False)
    assert report["words"] == 1
    assert report["seen"]["images without a usable word"] == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_or_missing_image_is_dropped_with_a_reason(name, tmp_path):
    root = tmp_path / name
    write(name, root, [scene(WORD)] * 4)
    pictures = sorted(root.rglob("*.jpg"))
    pictures[0].write_bytes(pictures[0].read_bytes()[:5000])
    pictures[1].write_bytes(b"")
    pictures[2].unlink()
    report = prepare(name, root, progress=False)
    assert report["dropped_images"] == {Reason.IMAGE_DAMAGED: 2, Reason.IMAGE_MISSING: 1}
    assert report["words"] == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_link_out_of_the_root_is_not_followed(name, tmp_path):
    root = tmp_path / name
    write(name, root, [scene(WORD), scene(WORD)])
    picture = sorted(root.rglob("*.jpg"))[0]
    elsewhere = tmp_path / "elsewhere.jpg"
    picture.rename(elsewhere)
    picture.symlink_to(elsewhere)
    report = prepare(name, root, progress=False)
    assert report["dropped_images"] == {Reason.OUTSIDE_ROOT: 1}
    assert report["words"] == 1


@pytest.mark.parametrize("name", FORMATS)
def test_another_folder_is_refused_saying_what_was_looked_for(name, tmp_path):
    with pytest.raises(UserError, match="looked for"):
        prepare(name, tmp_path, progress=False)
    with pytest.raises(UserError, match="looked for"):
        prepare(name, tmp_path / "missing", progress=False)


@pytest.mark.parametrize("name", FORMATS)
def test_an_image_lost_after_indexing_is_named(name, tmp_path):
    root = tmp_path / name
    prepared(name, root, scene(WORD))
    dataset = whole(name, root)
    picture = next(root.rglob("*.jpg"))
    picture.write_bytes(picture.read_bytes()[:3000])
    with pytest.raises(RunError, match=picture.name):
        dataset[0]
