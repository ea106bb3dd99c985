"""Figures hold what their captions say, and are drawn again only where something changed."""

import shutil
from dataclasses import replace
from pathlib import Path

from helpers import kept

from benchmarks.report.figures import across, noise, training
from benchmarks.report.figures.values import Values
from benchmarks.report.record import collect
from benchmarks.report.summary import Scores
from benchmarks.runs.manifest import Benchmark
from benchmarks.studies.supervision import STUDY
from benchmarks.study import Study, load_study
from benchmarks.study.study import RECONSTRUCTION


def values_of(study: Study, store: Path) -> Values:
    cells = kept.keep_all(study, store, n=12, shown=3)
    record = collect(cells)
    return Values(study, record, Scores(record), cells)


def test_of_many_tasks_all_stand_in_one_figure_and_the_first_in_the_others(tmp_path: Path) -> None:
    harder = tuple(Benchmark(corruption="blur", severity=s) for s in (0.5, 1))
    study = replace(STUDY, seeds=(0, 1), benchmarks=(RECONSTRUCTION, *harder), secondary=())
    pair = replace(study, benchmarks=study.benchmarks[:2])
    many, few = (values_of(asked, tmp_path / "cells") for asked in (study, pair))
    assert across.tasks(few) is None
    assert len(few.tasks) == 2
    assert many.tasks == ["reconstruction"]  # the primary contrast's
    drawn = across.tasks(many)
    assert drawn is not None
    rows = [text.get_text() for text in drawn.figure.axes[0].get_yticklabels()]
    assert rows == ["reconstruction", "blur 0.5", "blur 1"]
    marks = [line for line in drawn.figure.axes[0].lines if line.get_marker() not in ("None", "x")]
    assert len(marks) == 3 * len(study.variants)
    (legend,) = drawn.figure.legends
    named = [text.get_text() for text in legend.get_texts()]
    assert named == ["none", "balanced", "full", *named[3:]]


def test_a_training_is_drawn_with_all_its_seeds_or_not_at_all(tmp_path: Path) -> None:
    study = STUDY.narrowed(seeds=(0, 1))
    for cell in kept.keep_all(study, tmp_path / "cells", n=12, shown=3):
        name, task = cell.variant.name, cell.benchmark.name
        if cell.seed == 1 and (name == "balanced" or (name, task) == ("full", "editing")):
            shutil.rmtree(tmp_path / "cells" / cell.score.name)
    cells = study.cells(tmp_path / "no runs", tmp_path / "cells")
    record = collect(cells)
    values = Values(study, record, Scores(record), cells)
    figure = training.against_step(values).figure
    lines = [line for line in figure.axes[0].lines if line.get_linewidth() < 1]
    assert [len(lines), values.main] == [2 * 2, ["none", "full"]]


def test_labels_that_are_off_have_a_line_an_arm_and_a_point_a_shift(tmp_path: Path) -> None:
    asked = "|".join(
        f"{arm} {noise}"
        for arm in ("balanced", "full")
        for noise in ("exact", "boxes", "shift 0.2", "shift 0.35", "missing .3", "few anew")
    )
    where = {"variant": asked, "task": "reconstruction"}
    study = load_study("label_noise").narrowed(seeds=(0, 1), where=where)
    drawn = noise.label_shift(values_of(study, tmp_path / "cells"))
    assert drawn is not None
    lines = {line.get_label(): line.get_xdata() for line in drawn.figure.axes[0].lines}
    assert {name: list(x) for name, x in lines.items()} == {
        "balanced": [0, 0.2, 0.35],
        "full": [0, 0.2, 0.35],
    }
    one = load_study("label_noise").narrowed(where={"variant": "full exact|full shift 0.2"})
    assert noise.label_shift(values_of(one, tmp_path / "cells")) is None
    other = STUDY.narrowed(where={"task": "reconstruction"})
    assert noise.label_shift(values_of(other, tmp_path / "cells")) is None


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
