"""Cells of two machines side by side: the committed ones of another device."""

import json
import shutil

import pytest

from benchmarks.report import devices
from dreamtext.errors import UserError
from dreamtext.places import project

RESULTS = project() / "results"


@pytest.fixture(scope="module")
def compared():
    return devices.pairs(RESULTS / "cells", RESULTS / "devices" / "cells")


def test_the_committed_page_is_what_the_cells_give(compared):
    assert devices.page(*compared) == (RESULTS / "devices" / "README.md").read_text()


def test_a_folder_against_itself_differs_in_nothing(tmp_path):
    cell = next((RESULTS / "devices" / "cells").glob("score-*"))
    shutil.copytree(cell, tmp_path / cell.name)
    found, ours, theirs = devices.pairs(tmp_path, tmp_path)
    assert ours == theirs != ""
    assert [pair.agreed for pair in found] == [1.0]
    mean, low, high = devices.mean_difference(found, "NED/raw")
    assert (mean, low, high) == (0.0, -float("inf"), float("inf"))  # one cell tells no spread


def test_the_interval_is_students():
    found = [devices.Pair("", {"x": 0.0}, {"x": d}, 1.0) for d in (0.1, 0.3)]
    mean, low, high = devices.mean_difference(found, "x")
    assert mean == pytest.approx(0.2)
    assert (low, high) == pytest.approx((0.2 - 1.2706, 0.2 + 1.2706), abs=1e-4)  # t 12.706, se .1


def test_folders_without_a_common_cell_are_refused(tmp_path):
    with pytest.raises(UserError, match="no trained cell lies in both"):
        devices.pairs(RESULTS / "cells", tmp_path)


def test_cells_of_any_study_are_compared_and_other_systems_left_out(tmp_path):
    kinds = {}
    for cell in sorted((RESULTS / "cells").glob("score-*")):
        runs = json.loads((cell / "cell.json").read_text())["runs"]
        kinds.setdefault(("train" in runs, runs["score"]["title"].endswith("editing")), cell)
    assert {trained for trained, _ in kinds} == {True, False}
    for cell in kinds.values():
        shutil.copytree(cell, tmp_path / cell.name)
    found, ours, theirs = devices.pairs(tmp_path, tmp_path)
    assert len(found) == sum(trained for trained, _ in kinds)
    assert "| mean difference | +0.000 [" in devices.page(found, ours, theirs)
