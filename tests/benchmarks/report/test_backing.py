"""Every figure that stands in `results/` and in the README is read from what is committed."""

import json
import shutil
from functools import partial

import pytest
from helpers.paths import ROOT
from typer.main import get_command

from benchmarks.cli import app
from benchmarks.exchange import leaderboard, measures
from benchmarks.report import backing, paper, results, tuned
from benchmarks.report.record import collect
from benchmarks.study.tuning import load_tuning
from dreamtext.errors import UserError

RESULTS = ROOT / "results"
STUDIES = list(backing.studies(RESULTS))
PROSE = [ROOT / "README.md", *sorted(RESULTS.glob("*.md")), *sorted(RESULTS.glob("*/README.md"))]


def test_the_overview_and_the_map_of_runs_are_what_the_studies_say():
    said = "run `dreamtext study index`"
    assert (RESULTS / backing.OVERVIEW).read_text() == backing.overview(RESULTS), said
    expected = backing.revisions(RESULTS).to_csv(index=False)
    assert (RESULTS / backing.REVISIONS).read_text() == expected, said


def test_every_run_of_every_study_has_its_revision():
    table = backing.revisions(RESULTS).set_index(["study", "run"])
    for folder, about in STUDIES:
        for run in about["runs"]:
            revision = str(table.revision[folder.name, run])
            assert all(len(r) == 40 for r in revision.split(" or "))


@pytest.mark.parametrize(("folder", "about"), STUDIES, ids=[f.name for f, _ in STUDIES])
def test_a_studys_tables_are_made_again_from_its_kept_values(folder, about, tmp_path):
    """Byte for byte. A study that today's code would measure otherwise is to be measured again, or
    marked as old."""
    if backing.is_old(about):
        assert "**Of the old test world.**" in (folder / "table.md").read_text()
        assert not (folder / "contrasts.csv").exists()
        return
    study, cells = backing.reported(RESULTS, tmp_path / "no runs")[about["study"]]
    missing = [c.score.title for c in cells if not c.kept and c.score.name in about["runs"]]
    assert not missing, "its values are not kept: `dreamtext study report` keeps them"
    results.write_tables(study, collect(cells), tmp_path)
    made = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.*"))
    assert made
    for name in made:
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_papers_claims_are_judged_again_from_kept_values(tmp_path):
    """Byte for byte, on the studies that have been measured."""
    measured = backing.reported(RESULTS, tmp_path / "no runs")
    assert set(measured) == {about["study"] for _, about in STUDIES if not backing.is_old(about)}
    presets = {study.preset for study, _ in measured.values()}
    assert presets == {"tiny"}
    paper.write(measured, tmp_path, "tiny")
    for name in (paper.FILE, paper.TABLE):
        assert (RESULTS / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_tuning_s_page_is_made_again_from_its_trials():
    tuning = load_tuning("tuning")
    folder = RESULTS / "tuning" / tuning.name
    assert (folder / tuned.PAGE).read_text() == tuned.text(tuning, folder)


def test_the_leaderboard_and_the_measures_are_made_again_from_the_studies_scores(tmp_path):
    """Byte for byte."""
    read = ("*/scores.csv", "*/provenance.json", "models/*/scores.json", "models/*/config.json")
    for path in (path for pattern in read for path in RESULTS.glob(pattern)):
        copy = tmp_path / path.relative_to(RESULTS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    written = [leaderboard.write(tmp_path), *measures.write(tmp_path).iterdir()]
    for path in written:
        same = (RESULTS / path.relative_to(tmp_path)).read_bytes() == path.read_bytes()
        assert same, f"{path.name}: run `dreamtext study index`"


@pytest.mark.parametrize("path", PROSE, ids=[str(p.relative_to(ROOT)) for p in PROSE])
def test_quoted_figures_are_found_in_a_committed_table(path):
    assert backing.unbacked(path.read_text(), RESULTS) == []


def test_a_figure_that_no_table_holds_is_found_out(tmp_path):
    (tmp_path / "one").mkdir()
    text = "variant,value,low,high,difference,difference_low,difference_high\n"
    text += "a,0.5461,0.4321,0.6604,-0.101,-0.2,-0.052\nb,0.1,0.05,0.2,,,\n"
    (tmp_path / "one" / "scores.csv").write_text(text)
    backed = (
        "reads .55 [.43, .66], 0.546 [0.432, 0.660], 0.10 [0.05, 0.20] and -0.10 [-0.20, -0.05]"
    )
    assert backing.unbacked(backed, tmp_path) == []
    assert len(backing.figures(backed)) == 4
    wrong = "not .56 [.43, .66], .55 [.43, .67], 0.10 [-0.20, 0.20] or +0.10 [-0.20, -0.05]"
    assert backing.unbacked(wrong, tmp_path) == [
        *(".56 [.43, .66]", ".55 [.43, .67]", "0.10 [-0.20, 0.20]", "+0.10 [-0.20, -0.05]")
    ]


def test_an_overview_says_the_primary_contrast_and_which_values_are_kept(tmp_path):
    study, old = tmp_path / "mine", tmp_path / "old"
    for folder in (study, old, tmp_path / "cells" / "score-1"):
        folder.mkdir(parents=True)
    (tmp_path / "cells" / "score-1" / "cell.json").write_text("{}")
    run = {"title": "t", "seconds": 1, "revision": "a" * 40, "clean": True}
    runs = {"score-1": run, "score-2": run | {"revision": "b" * 40}, "train-1": run}
    beyond = {"planned": 5, "paper": "finds that x is better.", "not_shown": "Any other word."}
    (study / "provenance.json").write_text(json.dumps({"study": "mine", "runs": runs} | beyond))
    (study / "contrasts.csv").write_text(
        "role,variant,against,metric,task,value,low,high,p,p_holm,seeds,direction,reason\n"
        "primary,x,y,SeqAcc/raw,editing,0.2,0.1,0.3,0.001,0.002,3,higher,\n"
    )
    code = [{"revision": "c" * 40, "clean": True}, {"revision": "d" * 40, "clean": False}]
    plain = {"score-9": {"title": "t", "seconds": 1}}
    about = {"study": "old", "code": code, "runs": plain}
    (old / "provenance.json").write_text(json.dumps(about))
    text = backing.overview(tmp_path)
    assert (
        "| [mine](mine/table.md) | `x` against `y` in SeqAcc/raw (editing): better, +0.200 "
        "[+0.100, +0.300], p = 0.002. | aaaaaaa, bbbbbbb | 2 of 5, 1 kept |"
    ) in text
    assert (
        "| [old](old/table.md) | of the old test world: no finding stands | ccccccc, ddddddd | "
        "not kept per image |"
    ) in text
    said = "- **mine**: the paper finds that x is better. Not shown here: Any other word.\n"
    assert said in text
    assert "**old**" not in text
    table = backing.revisions(tmp_path).set_index("run")
    assert table.revision["score-2"] == "b" * 40
    assert table.revision["score-9"] == f"{'c' * 40} or {'d' * 40}"
    assert table.clean.to_dict() == {
        "score-1": True,
        "score-2": True,
        "train-1": True,
        "score-9": False,
    }


def test_the_command_writes_them_where_studies_are_and_nowhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    index = partial(get_command(app).main, ["study", "index"], standalone_mode=False)
    with pytest.raises(UserError, match="holds no study's results"):
        index()
    assert not list((tmp_path / "results").iterdir())
    shutil.copytree(RESULTS / "supervision", tmp_path / "results" / "supervision")
    index()
    overview = (tmp_path / "results" / "README.md").read_text()
    assert overview.startswith("# What was measured")
    assert "[leaderboard](leaderboard.html)" in overview
    assert "masks" not in overview.split("| | |")[1]
    assert "leaderboard.html" in (tmp_path / "results" / "index.html").read_text()
    first = (tmp_path / "results" / "runs.csv").read_text().splitlines()[0]
    assert first == "run,study,title,revision,clean"
