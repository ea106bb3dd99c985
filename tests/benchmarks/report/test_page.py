"""A study's report: when the one on disk is still the one asked for."""

import json
from pathlib import Path

from benchmarks.report.page import shows
from benchmarks.studies.supervision import STUDY


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
