"""A study's report: when the one on disk is still the one asked for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import kept

from benchmarks.report import backing, page
from benchmarks.report.page import shows
from benchmarks.studies.supervision import STUDY
from dreamtext.errors import UserError


def test_a_report_of_other_runs_or_without_provenance_does_not_count(tmp_path: Path) -> None:
    study = STUDY.narrowed(preset="smoke", n=8, seeds=(0, 1))
    cells = study.cells(tmp_path / "runs")
    folder = tmp_path / "results"
    assert not shows(folder, cells)

    folder.mkdir()
    names = {run.name: {} for cell in cells for run in cell.runs}
    (folder / "provenance.json").write_text(json.dumps({"runs": names}))
    assert shows(folder, cells)
    assert not shows(folder, [cell for cell in cells if cell.seed == 0])  # it shows two seeds
    (folder / "provenance.json").write_text('{"runs": {"tra')  # cut off
    assert not shows(folder, cells)


def test_a_report_written_twice_is_the_same_in_every_byte(tmp_path: Path) -> None:
    study = STUDY.narrowed(seeds=(0, 1), where={"task": "reconstruction"})
    cells = kept.keep_all(study, tmp_path / "cells", n=12, shown=3)
    for name in ("one", "two"):
        page.write(study, cells, tmp_path / name / "supervision")
        page.write_index(tmp_path / name)
    for name, said in (
        ("supervision/report.html", (study.paper, f"Not shown here: {study.not_shown}")),
        ("index.html", (f"The paper {study.paper}", f"Not shown here: {study.not_shown}")),
        ("supervision/table.md", (f"**The paper** {study.paper}", f"** {study.not_shown}")),
    ):
        assert all(text in (tmp_path / "one" / name).read_text() for text in said), name
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert {".html", ".svg", ".pdf", ".png", ".webp", ".csv", ".tex"} <= {p.suffix for p in files}
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_figures_that_a_study_no_longer_has_do_not_stay(tmp_path: Path) -> None:
    study = STUDY.narrowed(seeds=(0,), where={"task": "reconstruction"})
    cells = kept.keep_all(study, tmp_path / "cells", n=12, shown=3)
    out = tmp_path / "out"
    gone = [out / "figures" / "old.svg", out / "tables" / "old.csv", out / "sheet-editing.png"]
    stays = out / "figures" / "notes" / "mine.txt"
    for path in (*gone, stays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(UserError, match="no report wrote it"):
        page.write(study, cells, out)
    assert all(path.exists() for path in gone)
    (out / "scores.csv").touch()  # of an earlier report
    (out / "contrasts.csv").write_text("of an earlier report")
    page.write(replace(study, primary=None, secondary=()), cells, out)
    assert not any(path.exists() for path in (*gone, out / "contrasts.csv"))
    assert stays.exists()
    assert list((out / "figures").glob("*.svg"))


def test_what_a_narrowing_leaves_out_is_told_and_no_other_command_claimed(tmp_path: Path) -> None:
    study = STUDY.narrowed(seeds=(0, 1), where={"task": "reconstruction", "variant": "none|full"})
    assert {contrast.against for contrast in study.left_out} == {"balanced", "none"}
    cells = kept.keep_all(study, tmp_path / "cells", n=12, shown=3)
    out = tmp_path / "supervision"
    page.write(study, cells, out, ["--where", "variant=none|full"])
    about = json.loads((out / "provenance.json").read_text())
    assert about["command"].endswith("--n 288 --where 'variant=none|full'")
    assert about["narrowed"]
    assert about["finding"] == "The primary contrast is not among what was asked for."
    assert f"{len(study.left_out)} of the declared contrasts are left out" in about["limits"][1]
    assert not backing.reported(tmp_path, tmp_path / "no runs")


def test_nothing_of_a_cell_can_end_the_pages_data(tmp_path: Path) -> None:
    from benchmarks.report import site

    text = site.data({"word": "</script><script>alert(1)</script>"})
    assert "</" not in text
    assert json.loads(text)["word"].startswith("</script>")
    assert site.coded("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
