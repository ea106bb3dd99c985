"""Reading against how far the character labels are off, a line an arm: where do they cross?"""

from benchmarks.report.figures.style import COLOURS, Drawing, band, new
from benchmarks.report.figures.values import MASKS, READING, Values

_LABELS = "data.labels."
_SHIFT = f"{_LABELS}shift_x"
_OTHER_NOISE = tuple(_LABELS + name for name in ("swapped", "missing", "drawn"))


def label_shift(values: Values) -> Drawing | None:
    """Scores against the shift of labels; None unless two arms have two shifts each."""
    if _SHIFT not in values.varied:
        return None
    task = values.tasks[0]
    reference = values.settings[values.study.reference]
    arms: dict[tuple, list[tuple[float, str]]] = {}
    for name, own in values.settings.items():
        boxes = own[f"{_LABELS}form"] == "boxes"
        alike = all(own[key] == reference[key] for key in _OTHER_NOISE)
        if alike and boxes == (own[_SHIFT] > 0):  # boxes in place are neither exact nor shifted
            rest = tuple((k, v) for k, v in own.items() if not k.startswith(_LABELS))
            arms.setdefault(rest, []).append((own[_SHIFT], name))
    metrics = [m for m in (READING, MASKS) if m in values.study.metrics]
    figure, axes = new(3.4 * len(metrics) + 1.2, 3.0, 1, len(metrics))
    drawn = 0
    for axis, metric in zip(axes[0], metrics, strict=True):
        for place, points in enumerate(arms.values()):
            found = [(x, p) for x, n in sorted(points) if (p := values.point(n, task, metric))]
            if len(found) < 2:
                continue
            drawn += metric == metrics[0]
            arm = _shared([name for _, name in points])
            band(axis, found, "-o", COLOURS[place % len(COLOURS)], arm)
        axis.set_title(metric)
        axis.set_xlabel("standard deviation of the shift, in widths")
        axis.set_ylim(bottom=0)
    if drawn < 2:
        return None
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside right upper")
    return Drawing(
        "label-shift",
        "Labels that are off",
        "Scores against how far each character's box is shifted at random (0: exact strokes), "
        "what is tested against stays exact. Bands: 95 % intervals. "
        + values.measured_on(task, READING),
        figure,
        broad=True,
    )


def _shared(names: list[str]) -> str:
    """The words that all names begin with: the arm of `balanced exact` and `balanced shift 0.2`."""
    words = [name.split() for name in names]
    same = [column[0] for column in zip(*words, strict=False) if len(set(column)) == 1]
    return " ".join(same) or names[0]
