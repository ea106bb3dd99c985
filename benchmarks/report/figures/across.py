"""All tasks of a study with many, side by side."""

from benchmarks.report import ceiling
from benchmarks.report.by_task import METRICS, short
from benchmarks.report.figures.style import Drawing, new
from benchmarks.report.figures.values import Values


def tasks(values: Values) -> Drawing | None:
    """A row a task, a mark a variant; None where two tasks can be read one after the other."""
    if values.tasks == values.all_tasks:
        return None
    found = {
        (metric, task, name): point
        for metric in METRICS
        if metric in values.study.metrics
        for task in values.all_tasks
        for name in values.main
        if (point := values.point(name, task, metric))
    }
    metrics = [m for m in METRICS if any(m == metric for metric, _, _ in found)]
    if not metrics:
        return None
    rows, names = len(values.all_tasks), values.main
    size = (2.4 + 2.6 * len(metrics), 1.2 + 0.42 * rows)
    figure, axes = new(*size, 1, len(metrics), sharey=True)
    shown = {}
    for axis, metric in zip(axes[0], metrics, strict=True):
        for row, task in enumerate(values.all_tasks):
            axis.axhline(row + 0.5, color="#eee", lw=0.6)
            if (real := _of_real(values, task, metric)) is not None:
                (shown[ceiling.REAL],) = axis.plot(real, row, "x", color="#888", ms=5)
            for place, name in enumerate(names):
                if point := found.get((metric, task, name)):
                    look = values.looks[name]
                    y = row + (place - (len(names) - 1) / 2) * 0.7 / len(names)
                    axis.plot([point.low, point.high], [y, y], color=look["color"], lw=1.4)
                    (shown[name],) = axis.plot(
                        point.value, y, look["marker"], color=look["color"], ms=4.5
                    )
        axis.set_title(metric)
        axis.set_xlim(0, 1.02)
        axis.set_yticks(range(rows), short(values.all_tasks))
        axis.set_ylim(rows - 0.5, -0.5)
    order = [name for name in (*names, ceiling.REAL) if name in shown]
    figure.legend([shown[name] for name in order], order, loc="outside right upper")
    return Drawing(
        "by-task",
        "By task",
        "The same variants on every task. Bars: 95 % intervals over seeds, sources, words and "
        f"images; crosses: real pictures.{values.others(names)} "
        + values.measured_on(values.all_tasks[0]),
        figure,
        broad=True,
    )


def _of_real(values: Values, task: str, metric: str) -> float | None:
    asked = ceiling.metric(metric)
    points = (values.point(name, task, asked) for name in values.names if asked)
    return next((point.value for point in points if point), None)
