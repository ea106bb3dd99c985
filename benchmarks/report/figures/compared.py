"""Variants side by side: differences to the reference, and scores."""

from benchmarks.report.figures.style import Drawing, new
from benchmarks.report.figures.values import MASKS, READING, Values

_SHOWN = (READING, "NED/raw", MASKS, "KID-EffNetLite0/raw")
_INTERVALS = "Bars: 95 % intervals over seeds, sources, words and images."


def differences(values: Values) -> Drawing | None:
    """A forest plot: each variant less the reference, paired by image and seed, where both have
    values."""
    study = values.study
    others = [name for name in values.names if name != study.reference]
    panels = [
        (task, metric)
        for task in values.tasks
        for metric in (READING, MASKS)
        if any(_difference(values, name, task, metric) for name in others)
    ]
    if not panels:
        return None
    others = [n for n in others if any(_difference(values, n, *panel) for panel in panels)]
    width = 1.2 + 0.06 * max(map(len, others)) + 2.1 * len(panels)
    figure, axes = new(width, 0.9 + 0.24 * len(others), 1, len(panels), sharey=True)
    for axis, (task, metric) in zip(axes[0], panels, strict=True):
        axis.axvline(0, color="#999", lw=0.8)
        for row, name in enumerate(others):
            found = _difference(values, name, task, metric)
            if found is None:
                continue
            look = values.looks[name]
            axis.plot([found.low, found.high], [row, row], color=look["color"], lw=1.6)
            axis.plot(found.value, row, look["marker"], color=look["color"], ms=5)
        axis.set_title(f"{metric}\n{task}")
        axis.set_yticks(range(len(others)), others)
        axis.set_ylim(len(others) - 0.5, -0.5)
        axis.locator_params(axis="x", nbins=5)
        axis.set_xlabel(f"less {study.reference}")
    said = " ".join(values.measured_on(task) for task in dict.fromkeys(t for t, _ in panels))
    return Drawing(
        "differences",
        f"Differences to {study.reference}",
        f"Each variant less {study.reference}, paired by image and seed; right of the line is "
        f"higher. {_INTERVALS} {said}",
        figure,
        broad=len(panels) > 2,
    )


def _difference(values: Values, name: str, task: str, metric: str):
    if metric not in values.measured(name, task) & values.measured(values.study.reference, task):
        return None
    return values.scores.difference(name, values.study.reference, task, metric)


def scores(values: Values) -> Drawing | None:
    """The value of every variant that has one, with its interval, and each seed's own."""
    panels = [
        (task, metric)
        for task in values.tasks
        for metric in _SHOWN
        if any(values.point(name, task, metric) for name in values.names)
    ]
    if not panels:
        return None
    names = [n for n in values.names if any(values.point(n, *panel) for panel in panels)]
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    width = 1.2 + 0.06 * max(map(len, names)) + 1.9 * columns
    height = (0.9 + 0.22 * len(names)) * rows
    figure, axes = new(width, height, rows, columns, sharey=True)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (task, metric) in zip(axes.flat, panels, strict=False):
        for row, name in enumerate(names):
            look = values.looks[name]
            own = values.seeds.get((name, task, metric), [])
            axis.plot(own, [row] * len(own), "o", ms=3, mfc="none", mec=look["color"], mew=0.7)
            if found := values.point(name, task, metric):
                axis.plot([found.low, found.high], [row, row], color=look["color"], lw=1.6)
                axis.plot(found.value, row, look["marker"], color=look["color"], ms=5)
        axis.set_title(f"{metric}\n{task}")
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.locator_params(axis="x", nbins=5)
        if metric in (READING, MASKS, "NED/raw"):
            axis.set_xlim(0, 1)
    said = " ".join(values.measured_on(task) for task in values.tasks)
    return Drawing(
        "scores",
        "Scores",
        f"Filled: the mean over seeds; rings: single seeds. {_INTERVALS} Of KID lower is "
        f"better, of the others higher. {said}",
        figure,
        broad=True,
    )
