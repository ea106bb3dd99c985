"""Held-out scores while training, against steps and against compute."""

from typing import Any, NamedTuple

import numpy as np

from benchmarks.report import numbers
from benchmarks.report.figures.style import Drawing, label_ends, new
from benchmarks.report.figures.values import Values

_SCORES = {
    "validation_miou": "mIoU of latent character masks",
    "validation_SeqAcc": "SeqAcc of painted words",
}


class _Curve(NamedTuple):
    steps: list[int]
    minutes: list[float]  # CPU, NaN where it was not logged
    values: list[float]


def against_step(values: Values) -> Drawing | None:
    return _drawing(
        values,
        "training",
        "While training",
        "training step",
        lambda curve: curve.steps,
        "against training steps",
    )


def against_compute(values: Values) -> Drawing | None:
    return _drawing(
        values,
        "compute",
        "Against compute",
        "CPU minutes",
        lambda curve: curve.minutes,
        "against the CPU time of their training",
    )


def _drawing(
    values: Values, name: str, title: str, label: str, across: Any, said: str
) -> Drawing | None:
    logs = _logs(values)
    curves = {key: _curves(logs, key) for key in _SCORES}
    shown = [k for k, found in curves.items() if _known(found, across)]
    if not shown:
        return None
    figure, axes = new(3.9 * len(shown), 3.1, 1, len(shown))
    direct = len(logs) <= 8
    for axis, key in zip(axes[0], shown, strict=True):
        ends = []
        for variant, seeds in curves[key].items():
            colour = values.looks[variant]["color"]
            for curve in seeds:
                axis.plot(across(curve), curve.values, color=colour, lw=0.6, alpha=0.45)
            length = min(len(curve.values) for curve in seeds)
            if not length:
                continue
            x = np.mean([across(curve)[:length] for curve in seeds], axis=0)
            y = np.mean([curve.values[:length] for curve in seeds], axis=0)
            axis.plot(x, y, color=colour, lw=1.8, label=variant)
            ends.append((float(x[-1]), float(y[-1]), variant, colour))
        axis.set_xlabel(label)
        axis.set_title(_SCORES[key])
        axis.set_ylim(bottom=0)
        if direct:
            axis.margins(x=0.02)
            label_ends(axis, ends)
    if not direct:
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return Drawing(
        name,
        title,
        f"Scores on held-out samples {said}: thin lines are seeds, thick ones their means. "
        f"Preset {values.study.preset}, {numbers.seeds(len(values.study.seeds))}.",
        figure,
    )


def _logs(values: Values) -> dict[str, list[list[dict[str, Any]]]]:
    """Each variant's training logs, one a seed."""
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for cell in {c.train.name: c for c in values.cells if c.train and c.done}.values():
        if not values.whole(cell.variant.name):
            continue  # a seed is missing: a mean over fewer is not shown as the mean
        found.setdefault(cell.variant.name, []).append(cell.scored.log())
    return found


def _curves(logs: dict[str, list[list[dict[str, Any]]]], key: str) -> dict[str, list[_Curve]]:
    found: dict[str, list[_Curve]] = {}
    for variant, seeds in logs.items():
        for log in seeds:
            curve, seconds = _Curve([], [], []), float("nan")
            for line in log:
                seconds = line.get("cpu_s", seconds)
                if line.get(key) is not None:
                    curve.steps.append(line["step"])
                    curve.minutes.append(seconds / 60)
                    curve.values.append(line[key])
            if curve.steps:
                found.setdefault(variant, []).append(curve)
    return found


def _known(curves: dict[str, list[_Curve]], across: Any) -> bool:
    every = [curve for seeds in curves.values() for curve in seeds]
    return bool(every) and all(np.isfinite(across(curve)).all() for curve in every)
