"""Every arm gets the same trials; hopeless ones stop; what was chosen is checked when used."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.launch import local
from benchmarks.report import tuned as report
from benchmarks.study import Variant, load_study
from benchmarks.study.chosen import CHOSEN, TRIALS, tuned, write
from benchmarks.study.tuning import Arm, Choice, Range, Tuning, hopeless, load_tuning
from dreamtext.errors import RunError, UserError

A, B = (Variant(name=n, overrides=(f"objective.beta={v}",)) for n, v in (("a", 0.1), ("b", 0.2)))
ALPHA = {"objective.alpha": Range(0.1, 10, first=1), "objective.gamma": Choice(("0", "1"))}


def tuning(**changes) -> Tuning:
    arms = (
        Arm(name="a", members=(A,), space=ALPHA),
        Arm(name="both", members=(A, B), space={"training.lr": Range(1e-4, 1e-2, first=2e-3)}),
    )
    return Tuning(
        **{"name": "own", "arms": arms, "trials": 5, "steps": 8, "preset": "smoke", **changes}
    )


@pytest.fixture
def cells(tmp_path: Path) -> list:
    return tuning().study().cells(tmp_path / "runs")


def log(cell, *scores: float) -> None:
    """Snapshots of a training at steps 2, 4, ..."""
    folder = cell.train.prepare()
    lines = [{"step": 2 * i, "validation_NED": score} for i, score in enumerate(scores, 1)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def done(cell, ned: float) -> None:
    for run in cell.runs:
        run.prepare()
        for made in ("model/model.safetensors", "samples.jsonl", "per_image.csv"):
            (run.folder / made).parent.mkdir(exist_ok=True)
            (run.folder / made).touch()
        rows = [{"metric": m, "value": ned} for m in ("NED/raw", "SeqAcc/raw", "mIoU")]
        (run.folder / "scores.json").write_text(json.dumps(rows))
        (run.folder / "DONE.json").write_text("{}")


def of(cells, group: str) -> list:
    return [cell for cell in cells if cell.variant.name.rpartition(" #")[0] == group]


def test_every_arm_has_as_many_trials_of_as_many_steps(cells):
    assert [len(of(cells, group)) for group in ("a", "both (a)", "both (b)")] == [5, 5, 5]
    assert {cell.train.settings["config"]["training"]["steps"] for cell in cells} == {8}
    assert {cell.benchmark.split for cell in cells} == {"validation"}
    assert len({cell.train.name for cell in cells}) == 15


def test_the_first_trial_is_the_start_and_the_others_stay_within_the_space():
    rows = tuning().values(tuning().arms[0])
    assert rows[0] == ("objective.alpha=1", "objective.gamma=0")
    assert len(set(rows)) == 5
    for alpha, gamma in rows:
        assert 0.1 <= float(alpha.partition("=")[2]) <= 10
        assert gamma.partition("=")[2] in ("0", "1")
    assert {gamma for _, gamma in rows} == {"objective.gamma=0", "objective.gamma=1"}


@given(st.floats(0, 1), st.floats(1e-4, 1e2), st.floats(1.01, 1e4))
def test_a_range_is_even_in_logarithms(share, low, factor):
    values = Range(low, low * factor, first=low)
    assert float(values.at(share)) == pytest.approx(low * factor**share, rel=0.01)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"objective.alpa": Range(1, 2, first=1)}, "the space of 'a'.*objective.alpha"),
        ({"objective.alpha": Range(2, 2, first=2)}, "range of 'objective.alpha' is empty: 2 to 2"),
        ({"objective.alpha": Range(0, 2, first=1)}, "range of 'objective.alpha' is empty"),
        ({"objective.gamma": Choice(())}, "choice of 'objective.gamma' is empty"),
    ],
)
def test_a_space_with_an_unknown_key_or_nothing_in_it_is_refused(space, message):
    with pytest.raises(UserError, match=message):
        tuning(arms=(Arm(name="a", members=(A,), space=space),))


def test_a_trial_below_the_median_at_its_step_is_hopeless(cells):
    group = of(cells, "a")
    log(group[0], 0.1, 0.5)
    log(group[1], 0.2, 0.6)
    assert hopeless(tuning(), cells) == {}  # two others are too few for a median
    log(group[2], 0.0, 0.9)
    log(group[3], 0.0)
    log(group[4], 0.0)
    assert hopeless(tuning(), cells) == {}  # before half of the steps nothing is said
    log(group[3], 0.2, 0.3)
    log(group[4], 0.2, 0.4)
    assert hopeless(tuning(), cells) == {group[3].train.name: 4, group[4].train.name: 4}
    done(group[3], 0.7)  # what is finished is not stopped, however it began
    assert hopeless(tuning(), cells) == {group[4].train.name: 4}


def test_a_stopped_trial_goes_on_once_others_read_worse_than_it(cells, tmp_path, monkeypatch):
    """The command itself; in place of trainings, their logs: the third of each arm is stopped while
    only better ones are there."""
    readings = {0: 0.5, 1: 0.6, 2: 0.4, 3: 0.1, 4: 0.2}
    asked = []

    def run_cells(left, *, workers, hopeless):
        asked.append([cell.variant.name for cell in left])
        for cell in left:
            number = int(cell.variant.name.rpartition("#")[2])
            log(cell, 0.0, readings[number])
            if len(asked) == 1 and number == 2:
                continue  # as if stopped
            if cell.train.name not in hopeless():
                done(cell, readings[number])

    monkeypatch.setattr(local, "run_cells", run_cells)
    monkeypatch.setattr("benchmarks.study.tuning.load_tuning", lambda _: tuning())
    command = ["study", "tune", "--runs", str(cells[0].train.root), "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(cli.app, command, catch_exceptions=False)
    assert len(asked[0]) == 15
    assert asked[1:] == [["a #2", "both (a) #2", "both (b) #2"]]
    assert "trial 1  NED 0.600" in told.output
    with (tmp_path / "out" / TRIALS).open(newline="") as file:
        by = {row["variant"]: row["NED"] for row in csv.DictReader(file)}
    assert (by["a #2"], by["a #3"], by["a #4"]) == ("0.4", "", "")


def test_a_hopeless_trial_is_told_to_stop_and_no_other(monkeypatch):
    class Process:
        told = False

        def terminate(self) -> None:
            self.told = True

    pool = local._Pool(None, 1, 1, None, None)
    first, second = Process(), Process()
    pool.running = {first: "train-1", second: "train-2"}
    pool.drop({"train-2", "train-3"})
    assert (first.told, second.told) == (False, True)
    assert pool.dropped == {"train-2"}


def test_each_arm_takes_the_trial_that_reads_best_over_all_its_members(cells, tmp_path):
    for place, cell in enumerate(of(cells, "a")):
        done(cell, 0.1 * place)
    for cell, ned in zip(of(cells, "both (a)"), (0.1, 0.9, 0.2, 0.3, 0.3), strict=True):
        done(cell, ned)
    for cell, ned in zip(of(cells, "both (b)"), (0.1, 0.0, 0.2, 0.5, 0.1), strict=True):
        done(cell, ned)
    chosen = write(tuning(), cells, tmp_path / "out")
    assert chosen["a"]["trial"] == 4
    assert chosen["both"]["trial"] == 1  # .9 and .0: more on average than .3 and .5
    assert chosen["both"]["NED"] == pytest.approx(0.45)


def test_a_first_trial_stays_unless_another_is_better_by_more_than_the_margin(cells, tmp_path):
    for ned, place in zip((0.5, 0.55, 0.4, 0.3, 0.2), range(5), strict=True):
        for group in ("a", "both (a)", "both (b)"):
            done(of(cells, group)[place], ned)
    for margin, chosen in ((0.06, 0), (0.04, 1), (0.0, 1)):
        assert write(tuning(margin=margin), cells, tmp_path)["both"]["trial"] == chosen
    assert tuned(tuning(margin=0.04), "a", tmp_path) == tuning().values(tuning().arms[0])[1]
    with pytest.raises(UserError, match="was edited"):  # a choice follows from its own margin
        tuned(tuning(margin=0.06), "a", tmp_path)


def test_a_trial_that_is_neither_scored_nor_hopeless_is_named(cells, tmp_path):
    for cell in cells[1:]:
        done(cell, 0.5)
    with pytest.raises(RunError, match="trial a #0 is not scored"):
        write(tuning(), cells, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def results(cells, tmp_path) -> Path:
    for cell in cells:
        done(cell, 0.1 if cell.variant.name.endswith("#2") else 0.05)
    stopped = of(cells, "a")[0]
    (stopped.score.folder / "DONE.json").unlink()
    (stopped.train.folder / "DONE.json").unlink()
    for cell in of(cells, "a"):
        log(cell, 0.0, 0.0 if cell is stopped else 0.5)
    write(tuning(), cells, tmp_path / "out")
    return tmp_path / "out"


def test_a_study_takes_what_was_chosen(results):
    assert tuned(tuning(), "a", results) == tuning().values(tuning().arms[0])[2]
    with (results / TRIALS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    assert (rows[0]["NED"], rows[0]["steps"]) == ("", "4")  # the one that was stopped


def test_the_page_of_a_tuning_tells_every_trial_and_refuses_what_was_edited(results):
    page = report.write(tuning(), results).read_text()
    assert page == report.text(tuning(), results)
    assert "2 arms, 5 trials of 8 steps each, one seed, 96 validation words" in page
    rows = [line for line in page.splitlines() if line.startswith("| 2 |")]
    assert [row.endswith("| 0.100 | 0.100 | 0.100 | **chosen** |") for row in rows] == [True, True]
    assert "| stopped at 4 |  |  |  |" in page
    (results / TRIALS).write_text((results / TRIALS).read_text().replace("0.1", "0.9"))
    with pytest.raises(UserError, match="was edited"):
        report.text(tuning(), results)


def test_what_is_missing_stale_or_edited_is_refused(results, tmp_path):
    with pytest.raises(UserError, match="has not been run"):
        tuned(tuning(), "a", tmp_path / "nowhere")
    with pytest.raises(UserError, match="no arm 'boht'; did you mean 'both'"):
        tuned(tuning(), "boht", results)
    for other in (tuning(steps=9), tuning(trials=6), tuning(n=95)):
        with pytest.raises(UserError, match="of another declaration"):
            tuned(other, "a", results)
    about = json.loads((results / CHOSEN).read_text())
    better = {**about, "chosen": {**about["chosen"], "a": {**about["chosen"]["a"], "trial": 1}}}
    (results / CHOSEN).write_text(json.dumps(better))
    with pytest.raises(UserError, match="was edited"):
        tuned(tuning(), "a", results)
    (results / CHOSEN).write_text(json.dumps(about))
    table = (results / TRIALS).read_text()
    (results / TRIALS).write_text(table.replace("0.1", "0.9"))
    with pytest.raises(UserError, match="was edited"):
        tuned(tuning(), "a", results)
    (results / TRIALS).write_text("arm\n")
    with pytest.raises(UserError, match=r"holds no tuning|was edited"):
        tuned(tuning(), "a", results)


def test_the_tuning_that_comes_along_is_a_study_of_equal_budgets(tmp_path):
    own = load_tuning("tuning")
    cells = load_study("tuning").cells(tmp_path)
    assert len(cells) == own.trials * sum(len(arm.members) for arm in own.arms)
    assert replace(own, steps=401).identity != own.identity
    with pytest.raises(UserError, match="tunes nothing"):
        load_tuning("supervision")
