"""One measure against another: masks against reading, quality against cost."""

from typing import Any

import numpy as np

from benchmarks.report.figures.style import Drawing, new
from benchmarks.report.figures.values import MASKS, READING, Values

_DIRECT = 9  # variants that are named beside their points; more are in a legend


def masks_and_reading(values: Values) -> Drawing | None:
    """SeqAcc against mIoU: a ring a seed, a point a variant."""
    task = values.tasks[0]
    points = {}
    for name in values.names:
        sides = [values.point(name, task, metric) for metric in (MASKS, READING)]
        if sides[0] and sides[1]:
            points[name] = (sides[0].value, sides[1].value)
    if len(points) < 2:
        return None
    figure, axes = new(4.6, 3.4)
    axis = axes[0][0]
    for name in points:
        mask, read = (values.seeds.get((name, task, m), []) for m in (MASKS, READING))
        if len(mask) == len(read):
            colour = values.looks[name]["color"]
            axis.plot(mask, read, "o", ms=3.5, mfc="none", mec=colour, mew=0.7)
    _named(figure, axis, values, points)
    axis.set_xlabel("mIoU of latent character masks")
    axis.set_ylabel(READING)
    return Drawing(
        "masks-and-reading",
        "Masks and reading",
        "Rings: single seeds; filled: means. That two go together over variants does not say that "
        "one makes the other. " + values.measured_on(task, READING),
        figure,
    )


def quality_and_cost(values: Values) -> Drawing | None:
    """SeqAcc against the seconds that training and painting took; the line joins what nothing
    cheaper beats."""
    task = values.tasks[0]
    seconds: dict[str, list[float]] = {}
    for cell in values.cells:
        if cell.benchmark.name == task and cell.done:
            spent = {s: a["seconds"] for s, a in cell.scored.provenance().items() if s != "score"}
            seconds.setdefault(cell.variant.name, []).append(sum(spent.values()))
    points = {
        name: (float(np.mean(own)), found.value)
        for name, own in seconds.items()
        if sum(own) > 0 and (found := values.point(name, task, READING))
    }
    if len(points) < 2:
        return None
    figure, axes = new(4.6, 3.4)
    axis = axes[0][0]
    front, best = [], -np.inf
    for x, y in sorted(points.values(), key=lambda p: (p[0], -p[1])):
        if y > best:
            front.append((x, y))
            best = y
    axis.step(*zip(*front, strict=True), where="post", color="#999", lw=0.9)
    _named(figure, axis, values, points)
    costs = [x for x, _ in points.values()]
    if max(costs) > 20 * min(costs):
        axis.set_xscale("log")
    axis.set_xlabel("seconds of training and painting, one process")
    axis.set_ylabel(READING)
    return Drawing(
        "quality-and-cost",
        "Quality and cost",
        "The line joins variants that nothing cheaper beats. Seconds as the runs took them, of a "
        "resumed one those since its last start, other work on the machine included; means over "
        "seeds. " + values.measured_on(task, READING),
        figure,
    )


def _named(figure: Any, axis: Any, values: Values, points: dict[str, tuple[float, float]]) -> None:
    direct = len(points) <= _DIRECT
    for name, (x, y) in points.items():
        look = values.looks[name]
        axis.plot(x, y, look["marker"], color=look["color"], ms=7, label=name, ls="")
    axis.margins(0.12)
    if not direct:
        figure.legend(loc="outside right upper", ncols=1 + len(points) // 16)
        return
    low, high = axis.get_ylim()
    gap, last = 0.06 * (high - low), -np.inf
    for name, (x, y) in sorted(points.items(), key=lambda p: p[1][1]):
        last = max(y, last + gap)
        left, right = axis.get_xlim()
        over = (x - left) / (right - left) > 0.6
        axis.annotate(
            name,
            (x, last),
            xytext=(-8 if over else 8, 0),
            textcoords="offset points",
            ha="right" if over else "left",
            va="center",
            fontsize=8,
            color=values.looks[name]["color"],
        )
