"""SynthText: what only its layout can get wrong."""

from pathlib import Path

import numpy as np
import pytest
from helpers.data_scenes import WORD, box, scene, whole
from scipy.io import loadmat, savemat

from dreamtext.data.annotation import Reason
from dreamtext.data.prepare import prepare
from dreamtext.data.writers import write
from dreamtext.errors import UserError


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
