"""LAION-OCR: what only its layout can get wrong."""

from pathlib import Path

import numpy as np
import pytest
from helpers.data_scenes import WORD, scene

from dreamtext.data.annotation import Reason
from dreamtext.data.prepare import prepare
from dreamtext.data.writers import write


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
