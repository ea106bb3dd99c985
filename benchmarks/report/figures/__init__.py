"""A study's figures: each drawn from its scored cells, with a caption that says what was measured
on what; as SVG and PDF for paper, PNG for Markdown; the same bytes from the same scores."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report.figures import (
    across,
    breakdown,
    compared,
    confusion,
    noise,
    sweeps,
    tradeoffs,
    training,
)
from benchmarks.report.figures.style import KINDS, Drawn, look, save
from benchmarks.report.figures.values import Values
from benchmarks.report.record import Record
from benchmarks.report.summary import Scores
from benchmarks.study import Cell, Study

_MAKERS = (
    compared.differences,
    compared.scores,
    across.tasks,
    sweeps.warm_up,
    sweeps.blur_and_threshold,
    sweeps.terms,
    sweeps.sensitivity,
    noise.label_shift,
    training.against_step,
    training.against_compute,
    tradeoffs.masks_and_reading,
    tradeoffs.quality_and_cost,
    breakdown.by_length,
    breakdown.by_position,
    breakdown.by_font_style,
    breakdown.by_font_seen,
    breakdown.by_character,
    confusion.characters,
)


def write(
    study: Study, record: Record, scores: Scores, cells: Sequence[Cell], folder: Path
) -> list[Drawn]:
    """Every figure that the study has something to show in; no others stay in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    values = Values(study, record, scores, cells)
    drawn = []
    with look():
        for make in _MAKERS:
            found = make(values)
            if found is not None:
                drawn.append(save(found, folder))
    names = {figure.name for figure in drawn}
    for path in folder.iterdir():
        if path.suffix in KINDS and path.stem not in names:
            path.unlink()
    return drawn
