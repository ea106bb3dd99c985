"""A study's report: when the one on disk is still the one asked for."""

import json
from pathlib import Path

from helpers import kept

from benchmarks.report import page
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


def test_a_report_written_twice_is_the_same_in_every_byte(tmp_path: Path) -> None:
    study = STUDY.narrowed(seeds=(0, 1), where={"task": "reconstruction"})
    cells = kept.keep_all(study, tmp_path / "cells", n=12, shown=3)
    for name in ("one", "two"):
        page.write(study, cells, tmp_path / name / "supervision")
        page.write_index(tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert {".html", ".svg", ".pdf", ".png", ".webp", ".csv", ".tex"} <= {p.suffix for p in files}
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_of_figures_drawn_before_only_what_changed_is_drawn_again(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    from benchmarks.report.figures.style import Drawing, new, save

    def drawing(value: float) -> Drawing:
        figure, axes = new(2, 1)
        axes[0, 0].plot([0, value])
        return Drawing("lines", "Lines", "Two of them", figure)

    paths = [tmp_path / f"lines.{kind}" for kind in ("png", "pdf", "svg")]
    save(drawing(1), tmp_path)
    first = [path.read_bytes() for path in paths]
    paths[0].write_bytes(b"kept")
    save(drawing(1), tmp_path)
    assert paths[0].read_bytes() == b"kept"
    save(drawing(2), tmp_path)
    assert all(path.read_bytes() != old for path, old in zip(paths, first, strict=True))
    save(drawing(1), tmp_path)
    assert [path.read_bytes() for path in paths] == first
    assert not plt.get_fignums()


def test_figures_that_a_study_no_longer_has_do_not_stay(tmp_path: Path) -> None:
    study = STUDY.narrowed(seeds=(0,), where={"task": "reconstruction"})
    cells = kept.keep_all(study, tmp_path / "cells", n=12, shown=3)
    old = tmp_path / "out" / "figures" / "old.svg"
    old.parent.mkdir(parents=True)
    old.touch()
    page.write(study, cells, tmp_path / "out")
    assert not old.exists()
    assert list(old.parent.glob("*.svg"))


def test_nothing_of_a_cell_can_end_the_pages_data(tmp_path: Path) -> None:
    from benchmarks.report import site

    text = site.data({"word": "</script><script>alert(1)</script>"})
    assert "</" not in text
    assert json.loads(text)["word"].startswith("</script>")
    assert site.coded("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
