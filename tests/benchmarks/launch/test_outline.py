"""The remembered outline of a study's runs: used only while it is surely right."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.commands.selection import Selection
from benchmarks.launch import outline
from benchmarks.launch import tasks as grid
from benchmarks.study import load_study

STUDY = """
from benchmarks.study import Study, Variant
STUDY = Study(name="own", question="?", preset="smoke", reference="a", variants=(
    Variant(name="a"), Variant(name="b", overrides=("objective.gamma={gamma}",))))
"""


@pytest.fixture
def selection(tmp_path: Path) -> Selection:
    (tmp_path / "runs").mkdir()
    (tmp_path / "own.py").write_text(STUDY.format(gamma=2))
    return Selection(name=str(tmp_path / "own.py"), seeds=1, n=4, runs=tmp_path / "runs")


def again(selection: Selection, **other: object) -> Selection:
    """The same options in another call."""
    own = {name: getattr(selection, name) for name in Selection.__annotations__}
    return Selection(**{**own, **other})


def forbid(monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the cells were built")

    monkeypatch.setattr("benchmarks.study.study.Study.cells", fail)


def test_outline_is_what_the_cells_say_and_is_not_built_twice(selection, monkeypatch):
    runs = grid.distinct_runs(selection.cells)
    expected = outline.outline(runs)
    assert selection.outline == expected
    assert [task.name for task in expected.tasks] == [run.name for run in runs]
    assert set(expected.steps.values()) == {40}
    forbid(monkeypatch)
    assert again(selection).outline == expected


@pytest.mark.parametrize("change", ["study", "neighbour", "option", "code"])
def test_outline_is_built_anew_when_what_decides_it_changes(selection, change, monkeypatch):
    before = {task.name for task in selection.outline.tasks}
    path = Path(selection.name)
    options = {}
    if change == "study":
        path.write_text(STUDY.format(gamma=3))
        after = again(selection).outline
        assert len(before & {task.name for task in after.tasks}) == len(before) // 2
        return
    if change == "neighbour":
        path.with_name("fragments.py").write_text("")
    elif change == "option":
        options = {"n": 5}
    else:
        package = path.parent / "dreamtext"
        package.mkdir()
        (package / "config.py").write_text("")
        monkeypatch.setattr(outline, "_PROJECT", path.parent)
    forbid(monkeypatch)
    values = {name: getattr(selection, name) for name in Selection.__annotations__}
    with pytest.raises(AssertionError, match="the cells were built"):
        Selection(**values | options).outline  # noqa: B018


def test_names_that_depend_on_other_files_are_never_remembered(selection, tmp_path):
    study = load_study("supervision").narrowed(preset="smoke", seeds=[0], n=4)
    run = grid.distinct_runs(study.cells(tmp_path))[-1]
    assert outline._named_by_code_alone(run)
    for change in (
        {"system": "copy"},
        {"benchmark": {"file": "manifest.json"}},
        {"config": run.settings["config"] | {"data": {"name": "synthtext"}}},
    ):
        other = dataclasses.replace(run, settings=run.settings | change)
        assert not outline._named_by_code_alone(other)
    scored = dataclasses.replace(run, identity=run.identity | {"inception": "hash of a file"})
    assert not outline._named_by_code_alone(scored)


def test_damaged_or_forbidden_memory_is_no_obstacle(selection):
    expected = selection.outline
    (kept,) = (selection.root / "launch" / "outlines").glob("*.json")
    kept.write_text('{"tasks": [')
    assert again(selection).outline == expected
    assert json.loads(kept.read_text())
    for number in range(12):
        os.utime(kept, (number, number))
        kept.with_name(f"{number:016d}.json").write_text("{}")
    kept.unlink()
    assert again(selection).outline == expected
    assert len(list(kept.parent.iterdir())) == 8


def test_selection_is_asked_for_the_same_way_by_every_command():
    from benchmarks.cli import app

    for command in ("run", "report", "plan", "submit", "retry", "cancel", "status", "failures"):
        shown = CliRunner().invoke(app, ["study", command, "--help"], env={"COLUMNS": "200"}).output
        for option in ("--preset", "--seeds", "--n", "--where", "--set", "--runs"):
            assert f"{option} " in shown, (command, option)


def test_selection_hands_on_its_own_options(tmp_path):
    selection = Selection(
        "masks", "smoke", 2, 8, ["seed=0"], ["training.steps=3"], tmp_path, tmp_path / "cells"
    )
    assert selection.options() == [
        *(
            "--runs",
            str(tmp_path),
            "--cells",
            str(tmp_path / "cells"),
            "--preset",
            "smoke",
            "--seeds",
            "2",
            "--n",
            "8",
        ),
        *("--where", "seed=0", "--set", "training.steps=3"),
    ]


def test_outline_leaves_out_what_kept_cells_need(selection, tmp_path):
    own = again(selection, kept=tmp_path / "cells")
    before = {task.name for task in own.outline.tasks}
    first = own.cells[0]
    kept = tmp_path / "cells" / first.score.name
    kept.mkdir(parents=True)
    (kept / "cell.json").write_text("{}")
    after = {task.name for task in again(own).outline.tasks}
    assert before - after == {first.sample.name, first.score.name}  # its training serves another
