"""Figures of studies that vary a setting: warm-up, masks, terms and weights of the objective."""

from typing import Any

import numpy as np

from benchmarks.report.figures.style import RAMP, Drawing, band, new
from benchmarks.report.figures.values import MASKS, READING, Values

_LINES = ("-", "--", ":", "-.")
_SUPERVISION = "objective.supervision."
_ZERO_IS_ALL = ("data.fonts",)
_BLUR, _SIGMA, _THRESHOLD = "masks.blur_kernel", "masks.blur_sigma", "masks.threshold_std"


def _metrics(values: Values, names: list[str]) -> list[str]:
    return [
        metric
        for metric in (READING, MASKS)
        if any(values.point(name, task, metric) for name in names for task in values.tasks)
    ]


def _line(
    axis: Any, values: Values, points: list[tuple[float, str]], task: str, metric: str
) -> None:
    """Value against a setting, with its intervals; `points` are (x, variant), in order."""
    found = [(x, p) for x, name in points if (p := values.point(name, task, metric))]
    if not found:
        return
    place = values.tasks.index(task)
    colour = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")[place % 4]
    band(axis, found, _LINES[place % 4] + "o", colour, task)


def warm_up(values: Values) -> Drawing | None:
    """Scores against the share of training that ground-truth masks supervise."""
    if not values.varied or any(not key.startswith(_SUPERVISION) for key in values.varied):
        return None
    shares = {}
    for name, own in values.settings.items():
        mode = own[f"{_SUPERVISION}mode"]
        fixed = {"none": 0.0, "full": 1.0}
        shares[name] = fixed.get(mode, float(own[f"{_SUPERVISION}warmup"]))
    points = sorted((share, name) for name, share in shares.items())
    metrics = _metrics(values, list(shares))
    if len(set(shares.values())) < 3 or not metrics:
        return None
    figure, axes = new(3.2 * len(metrics), 2.9, 1, len(metrics))
    for axis, metric in zip(axes[0], metrics, strict=True):
        for task in values.tasks:
            _line(axis, values, points, task, metric)
        axis.set_xlabel("share of training supervised")
        axis.set_title(metric)
        axis.set_ylim(bottom=0)
    axes[0][0].legend()
    return Drawing(
        "warm-up",
        "Warm-up",
        "Scores against the share of the training steps in which ground-truth masks supervise; 0 "
        "is none, 1 full. Bands: 95 % intervals. " + values.measured_on(values.tasks[0], READING),
        figure,
    )


def blur_and_threshold(values: Values) -> Drawing | None:
    """A heat map: blur in rows, threshold in columns."""
    if not {_THRESHOLD} < set(values.varied) <= {_BLUR, _SIGMA, _THRESHOLD}:
        return None
    blurs: dict[str, None] = {}
    grid: dict[tuple[str, float], str] = {}
    for name, own in values.settings.items():
        blur = "none" if own[_BLUR] == 1 else f"{own[_BLUR]} x {own[_BLUR]}, sigma {own[_SIGMA]:g}"
        blurs[blur] = None
        grid[blur, own[_THRESHOLD]] = name
    columns = sorted({threshold for _, threshold in grid})
    metrics = _metrics(values, list(values.settings))
    if len(blurs) < 2 or len(columns) < 2 or not metrics:
        return None
    task = values.tasks[0]
    size = (1.3 + 2.3 * len(metrics), 0.9 + 0.36 * len(blurs))
    figure, axes = new(*size, 1, len(metrics), sharey=True)
    for axis, metric in zip(axes[0], metrics, strict=True):
        shown = np.full((len(blurs), len(columns)), np.nan)
        for (blur, threshold), name in grid.items():
            if found := values.point(name, task, metric):
                shown[list(blurs).index(blur), columns.index(threshold)] = found.value
        axis.imshow(shown, cmap=RAMP, aspect="auto")
        middle = (np.nanmin(shown) + np.nanmax(shown)) / 2 if np.isfinite(shown).any() else 0
        for (blur, threshold), name in grid.items():
            y, x = list(blurs).index(blur), columns.index(threshold)
            if np.isfinite(shown[y, x]):
                weight = "bold" if name == values.study.reference else "normal"
                colour = "black" if shown[y, x] > middle else "white"
                text = f"{shown[y, x]:.3f}"
                axis.text(
                    x, y, text, ha="center", va="center", color=colour, weight=weight, fontsize=8
                )
        axis.set_xticks(range(len(columns)), [f"{k:g}" for k in columns])
        axis.set_yticks(range(len(blurs)), list(blurs))
        axis.set_xlabel("threshold: mean + k std")
        axis.set_title(metric)
        axis.spines[:].set_visible(False)
    axes[0][0].set_ylabel("blur")
    return Drawing(
        "blur-and-threshold",
        "Blur and threshold",
        "Means over seeds; bold is the reference. " + values.measured_on(task, READING),
        figure,
    )


def terms(values: Values) -> Drawing | None:
    """Each term of the objective dropped from all, and added to none."""
    dropped = [n for n in values.names if n.startswith("without ")]
    added = [n for n in values.names if n.startswith("only ")]
    task = values.tasks[0]
    metrics = _metrics(values, [*dropped, *added])
    if not (dropped and added and {"all", "none"} <= set(values.names) and metrics):
        return None
    rows = [(n, "all") for n in dropped] + [(n, "none") for n in added]
    figure, axes = new(
        1.8 + 2.3 * len(metrics), 0.9 + 0.3 * len(rows), 1, len(metrics), sharey=True
    )
    for axis, metric in zip(axes[0], metrics, strict=True):
        axis.axvline(0, color="#999", lw=0.8)
        for row, (name, base) in enumerate(rows):
            if {metric} <= values.measured(name, task) & values.measured(base, task):
                found = values.scores.difference(name, base, task, metric)
                if found is None:
                    continue
                colour = values.looks[name]["color"]
                axis.barh(row, found.value, color=colour, height=0.6)
                axis.plot([found.low, found.high], [row, row], color="black", lw=1)
        axis.set_yticks(range(len(rows)), [f"{name} (less {base})" for name, base in rows])
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.set_title(metric)
    return Drawing(
        "terms",
        "Terms of the objective",
        "Above: all terms but one, less all. Below: one term alone, less none (denoising alone). "
        "Lines: 95 % intervals. " + values.measured_on(task, READING),
        figure,
        broad=True,
    )


def sensitivity(values: Values) -> Drawing | None:
    """Scores against each setting that is moved alone from the reference's value."""
    reference = values.settings.get(values.study.reference)
    if reference is None or any(key.startswith(_SUPERVISION) for key in values.varied):
        return None
    alone: dict[str, list[tuple[float, str]]] = {}
    for key in values.varied:
        others = [k for k in values.varied if k != key]
        points = [
            (float(own[key]), name)
            for name, own in values.settings.items()
            if _number(own[key]) and all(own[k] == reference[k] for k in others)
            if not (own[key] == 0 and key in _ZERO_IS_ALL)  # it has no place on the axis
        ]
        if len({x for x, _ in points}) >= 3:
            alone[key] = sorted(points)
    metrics = _metrics(values, [name for points in alone.values() for _, name in points])
    if not alone or not metrics:
        return None
    rows, columns = len(metrics), len(alone)
    figure, axes = new(1 + 2.4 * columns, 0.6 + 2.0 * rows, rows, columns, sharey="row")
    for column, (key, points) in enumerate(alone.items()):
        for row, metric in enumerate(metrics):
            axis = axes[row][column]
            for task in values.tasks:
                _line(axis, values, points, task, metric)
            axis.axvline(float(reference[key]), color="#999", lw=0.8, ls=":")
            if min(x for x, _ in points) > 0:
                axis.set_xscale("log")
            if column == 0:
                axis.set_ylabel(metric)
        axes[-1][column].set_xlabel(key.rpartition(".")[2])
    axes[0][0].legend()
    return Drawing(
        "sensitivity",
        "Sensitivity",
        f"Scores where one setting alone is moved away from {values.study.reference} (dotted). "
        "Bands: 95 % intervals. " + values.measured_on(values.tasks[0], READING),
        figure,
        broad=columns > 1,
    )


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
