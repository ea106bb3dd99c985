"""One command for all of the paper: what it tells, runs and writes."""

from pathlib import Path

import pytest
from helpers import kept
from typer.testing import CliRunner, Result

from benchmarks import cli
from benchmarks.commands import study
from benchmarks.launch import local
from benchmarks.study import load_study

STUDIES = ("supervision", "warmup")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for name in STUDIES:
        kept.keep_all(load_study(name).narrowed(n=12, seeds=(0, 1)), tmp_path / "cells", n=12)
    return tmp_path / "cells"


def reproduce(folder: Path, *words: str, typed: str | None = None) -> Result:
    command = ["reproduce", *STUDIES, "--seeds", "2", "--n", "12", "--out", str(folder / "out")]
    command += ["--cells", str(folder / "cells"), "--runs", str(folder / "runs"), *words]
    return CliRunner().invoke(cli.app, command, input=typed)


def test_what_is_scored_is_reported_claim_by_claim_without_a_run(store: Path, tmp_path: Path):
    done = reproduce(tmp_path)
    assert done.exit_code == 0, done.output
    for name in STUDIES:
        assert f"{name:14} nothing to run: " in done.output
        assert (tmp_path / "out" / name / "report.html").is_file()
    paper = (tmp_path / "out" / "PAPER.md").read_text()
    assert "cannot be told" in paper
    assert not (tmp_path / "runs").exists()
    page = (tmp_path / "out" / "index.html").read_text()
    assert all(f'href="{name}/report.html"' in page for name in STUDIES)
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert reproduce(tmp_path).exit_code == 0
    after = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert after == before


def test_what_is_missing_is_told_in_hours_and_asked_for_and_nothing_is_written(
    store: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(local, "run_cells", lambda *_, **__: pytest.fail("nobody agreed"))
    done = reproduce(tmp_path, "--seeds", "3", "--tflops", "1", typed="n\n")
    assert done.exit_code == 1
    assert "supervision    3 x train" in done.output
    assert "score of 10 s" in done.output
    (line,) = [x for x in done.output.splitlines() if x.startswith("all trainings: ")]
    assert 0 < float(line.split()[2]) < 10
    assert line.endswith("GPU-hours at 1 TFLOP/s, counted")
    assert "runs are missing; run them?" in done.output
    assert not (tmp_path / "out").exists()


def test_all_reports_are_of_studies_with_a_scored_cell_and_of_no_tuning(
    store: Path, tmp_path: Path, monkeypatch
):
    written = []
    monkeypatch.setattr(study, "write_report", lambda chosen, _: written.append(chosen.name))
    monkeypatch.setattr(study, "write_overviews", lambda _: None)
    command = ["report", "--all", "--seeds", "2", "--n", "12", "--out", str(tmp_path / "out")]
    command += ["--cells", str(store), "--runs", str(tmp_path / "runs")]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    assert set(STUDIES) <= set(written)
    assert not {"tuning", "main"} & set(written)
    assert "main: left out, the data set 'laion_ocr' needs its folder" in done.output
