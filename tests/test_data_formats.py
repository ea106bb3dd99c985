"""The cases every data set's loader must get right, in that data set's own layout."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_scenes import SIZE, box, iou, prepared, scene, whole
from scipy.io import loadmat, savemat

from dreamtext.data.annotation import Reason
from dreamtext.data.prepare import prepare
from dreamtext.data.writers import WRITERS, write
from dreamtext.errors import RunError, UserError

FORMATS = tuple(WRITERS)
WITH_MASKS = tuple(name for name in FORMATS if name != "icdar13")
WORD = ("HELLO", box(100, 100, 250, 60))


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


# --- SynthText -----------------------------------------------------------------------------------


def _synthtext(root: Path, **cells: object) -> dict:
    write("synthtext", root, [scene(WORD, ("YOU", box(100, 300, 200, 60)))])
    mat = loadmat(root / "gt.mat")
    values = {k: mat[k] for k in ("imnames", "wordBB", "charBB", "txt")}
    for key, value in cells.items():
        values[key][0, 0] = value
    savemat(root / "gt.mat", values, do_compression=True)
    return prepare("synthtext", root, progress=False)


def test_synthtext_text_of_several_padded_lines_is_split_on_white_space(tmp_path):
    report = _synthtext(tmp_path / "s", txt=np.array(["  HELLO \n YOU ", "              "]))
    assert report["words"] == 2
    assert [s.word for s in whole("synthtext", tmp_path / "s")] == ["HELLO", "YOU"]


@pytest.mark.parametrize("text", ["HELLO", "HELLO YOU TOO", "HELLOO YOU"])
def test_synthtext_counts_that_do_not_add_up_drop_the_image(text, tmp_path):
    report = _synthtext(tmp_path / "s", txt=np.array([text]))
    assert report["dropped_images"] == {Reason.MISCOUNTED: 1}


def test_synthtext_boxes_that_are_no_numbers_are_dropped(tmp_path):
    boxes = np.stack([WORD[1], box(100, 300, 200, 60)]).transpose(2, 1, 0).copy()
    boxes[:, 0, 1] = np.nan
    report = _synthtext(tmp_path / "s", wordBB=boxes)
    assert report["dropped_words"] == {Reason.BOX_NOT_FINITE: 1}
    assert report["words"] == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 400, b"MATLAB 5.0" + b" " * 114 + b"\0\1IM"])
def test_synthtext_a_gt_mat_that_is_none_is_refused(content, tmp_path):
    (tmp_path / "gt.mat").write_bytes(content)
    with pytest.raises(UserError, match=r"gt\.mat"):
        prepare("synthtext", tmp_path, progress=False)


def test_synthtext_a_gt_mat_that_breaks_off_loses_only_what_follows(tmp_path):
    root = tmp_path / "s"
    write("synthtext", root, [scene(WORD)] * 300)
    mat = loadmat(root / "gt.mat")
    values = {k: mat[k] for k in ("imnames", "wordBB", "txt", "charBB")}
    savemat(root / "gt.mat", values)  # uncompressed, charBB last: cut there
    whole_file = (root / "gt.mat").read_bytes()
    (root / "gt.mat").write_bytes(whole_file[: len(whole_file) - 20_000])
    report = prepare("synthtext", root, progress=False)
    assert 0 < report["words"] < 300
    assert report["words"] + report["dropped_images"][Reason.DAMAGED] == 300


# --- LAION-OCR -----------------------------------------------------------------------------------


def _laion(root: Path, classes: np.ndarray | bytes | None = None, lines: str | None = None) -> dict:
    write("laion_ocr", root, [scene(WORD)])
    path = next(root.rglob("charseg.npy"))
    if isinstance(classes, bytes):
        path.write_bytes(classes)
    elif classes is not None:
        np.save(path, classes)
    if lines is not None:
        next(root.rglob("ocr.txt")).write_bytes(lines.encode("utf-8"))
    return prepare("laion_ocr", root, progress=False)


def _classes(root: Path) -> np.ndarray:
    write("laion_ocr", root, [scene(WORD)])
    return np.load(next(root.rglob("charseg.npy")))


def test_laion_labels_of_the_wrong_case_are_taken(tmp_path):
    classes = _classes(tmp_path / "a")
    lowered = np.where((classes >= 37) & (classes <= 62), classes - 26, classes)
    report = _laion(tmp_path / "b", classes=lowered)
    assert report["words"] == 1


def test_laion_fewer_pieces_than_letters_reject_the_word(tmp_path):
    classes = _classes(tmp_path / "a")
    letter_l = classes == np.bincount(classes[classes > 0]).argmax()
    columns = np.nonzero(letter_l.any(axis=0))[0]
    classes[:, columns.min() : columns.max() + 1][
        letter_l[:, columns.min() : columns.max() + 1] | True
    ] = classes.max()
    report = _laion(tmp_path / "b", classes=classes)
    assert report["dropped_words"] == {Reason.LETTER_MISSING: 1}


def test_laion_a_surplus_piece_rejects_the_word(tmp_path):
    classes = _classes(tmp_path / "a")
    half = classes.copy()
    letter_h = classes == classes[65, np.nonzero(classes[65])[0][0]]
    columns = np.nonzero(letter_h.any(axis=0))[0]
    half[:, (columns.min() + columns.max()) // 2][:] = 0
    report = _laion(tmp_path / "b", classes=half)
    assert report["dropped_words"] == {Reason.LETTER_AMBIGUOUS: 1}


def test_laion_letters_in_another_order_reject_the_word(tmp_path):
    report = _laion(tmp_path / "b", classes=_classes(tmp_path / "a")[:, ::-1][:, 30:-1])
    assert report["dropped_words"].keys() <= {Reason.LETTER_MISSING, Reason.LETTERS_DISORDERED}
    assert report["words"] == 0


@pytest.mark.parametrize(
    "classes",
    [
        b"",
        b"not an array",
        np.full((256, 256), -3),
        np.full((256, 256), 200),
        np.zeros((256, 256), np.float32),
        np.zeros((4, 4), np.int64),
        np.array([object()]),
    ],
)
def test_laion_damaged_class_maps_are_counted(classes, tmp_path):
    report = _laion(tmp_path / "b", classes=classes)
    assert report["dropped_words"] == {Reason.MASK_DAMAGED: 1}


def test_laion_lines_that_do_not_parse_are_counted(tmp_path):
    good = "HELLO 100,100,350,100,350,160,100,160 0.9\n"
    bad = "HELLO\nHELLO 1,2,3 0.9\nHELLO 1,2,3,4,5,6,7,x 0.9\n\n"
    huge = "HELLO nan,100,350,100,350,160,100,160 0.9\n"
    report = _laion(tmp_path / "b", lines="\ufeff" + good + bad + huge)
    assert report["words"] == 1
    assert report["dropped_words"] == {Reason.DAMAGED: 3, Reason.BOX_NOT_FINITE: 1}


def test_laion_test_list_decides_the_split(tmp_path):
    root = tmp_path / "b"
    write("laion_ocr", root, [scene(WORD), scene(WORD)])
    (root / "train" / "00000").rename(root / "00000")
    (root / "train").rmdir()
    (root / "mario-laion-test-index.txt").write_text("00000_000000001\n")
    report = prepare("laion_ocr", root, progress=False)
    assert report["splits"]["test"] == 1
    assert sum(report["splits"].values()) == 2


# --- ICDAR13 -------------------------------------------------------------------------------------


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


# --- TextSeg -------------------------------------------------------------------------------------


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
