"""How figures look, and how they are saved: one colour a named arm over all studies."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.study import Study, load_study, study_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, then Tol's muted one: told apart by colour-blind readers.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#332288", "#882255", "#999933", "#44AA99", "#661100", "#6699CC"),
    *("#AA4499", "#117733", "#000000", "#888888"),
)
MARKERS = ("o", "s", "^", "D", "v", "P")
RAMP = "viridis"
KINDS = (".svg", ".pdf", ".png")
_SWEPT = re.compile(r"(^|=)\d[\d.e-]*k?$")  # gamma=0.5, k=2, 25k: a value of an axis, not an arm
_SALT = "dreamtext"


@dataclass(frozen=True)
class Drawing:
    """A figure that is not saved yet."""

    name: str
    title: str
    caption: str
    figure: "Figure"
    broad: bool = False


@dataclass(frozen=True)
class Drawn:
    """A saved figure: `<name>.svg`, .pdf and .png; its size is in CSS pixels.

    Attributes:
        broad: it needs the whole width of a page.
    """

    name: str
    title: str
    caption: str
    width: int
    height: int
    broad: bool


def new(width: float, height: float, rows: int = 1, columns: int = 1, **asked: Any) -> Any:
    """A figure of a size in inches, and its axes (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=150)
    return figure, figure.subplots(rows, columns, squeeze=False, **asked)


def look() -> Any:
    """A context in which figures are made: sizes of letters, no boxes."""
    import matplotlib as mpl

    return mpl.rc_context(_LOOK)


_LOOK: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def save(drawing: Drawing, folder: Path) -> Drawn:
    """Write the three files, with no date and no random names in them; where the vector file is
    there already, the others were drawn with it, and stay."""
    import matplotlib as mpl

    figure = drawing.figure
    path = folder / drawing.name
    fixed: Any = {"svg.hashsalt": _SALT, "svg.fonttype": "path", "pdf.fonttype": 42}
    with mpl.rc_context(fixed):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # all three as laid out once
        vector = io.BytesIO()
        figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
        svg = path.with_suffix(".svg")
        if not svg.is_file() or svg.read_bytes() != vector.getvalue():
            svg.unlink(missing_ok=True)
            figure.savefig(path.with_suffix(".png"), metadata={"Software": None})
            nothing = {"CreationDate": None, "Creator": None, "Producer": None}
            figure.savefig(path.with_suffix(".pdf"), metadata=nothing)
            svg.write_bytes(vector.getvalue())  # last: it stands for the others
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    about = (drawing.name, drawing.title, drawing.caption)
    return Drawn(*about, int(width), int(height), drawing.broad)


def looks(study: Study) -> dict[str, dict[str, Any]]:
    """Colour and marker of each variant: the arm's own, or its place on the ramp of a sweep."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    swept = [v.name for v in study.variants if _SWEPT.search(v.name)]
    arms = dict(_arms())
    found = {}
    for variant in study.variants:
        if variant.name in swept:
            share = swept.index(variant.name) / max(1, len(swept) - 1)
            colour = to_hex(colormaps[RAMP](0.9 * share))
            found[variant.name] = {"color": colour, "marker": "o"}
        else:  # a study of the user's own has arms that no other study names
            place = arms.setdefault(variant.name, len(arms))
            marker = MARKERS[place // len(COLOURS) % len(MARKERS)]
            found[variant.name] = {"color": COLOURS[place % len(COLOURS)], "marker": marker}
    return found


@cache
def _arms() -> dict[str, int]:
    """The place of every named arm of the studies that come along, the commonest ones first."""
    first = ("balanced", "none", "full", "all", "paper", "released")
    names = [v.name for name in study_names() for v in load_study(name).variants]
    known = dict.fromkeys([*first, *(n for n in names if not _SWEPT.search(n))])
    return {name: place for place, name in enumerate(known)}


def band(
    axis: "Axes", points: Sequence[tuple[float, Any]], line: str, colour: str, label: str
) -> None:
    """A line through (x, value with its interval), and the intervals as a band around it."""
    x = [x for x, _ in points]
    low, high = ([getattr(p, side) for _, p in points] for side in ("low", "high"))
    axis.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
    axis.plot(x, [p.value for _, p in points], line, color=colour, ms=4, label=label)


def label_ends(axis: "Axes", ends: list[tuple[float, float, str, str]]) -> None:
    """Names beside the ends of lines (x, y, name, colour), moved apart where they would touch."""
    low, high = axis.get_ylim()
    gap = 0.055 * (high - low)
    last = float("-inf")
    for x, y, name, colour in sorted(ends, key=lambda end: end[1]):
        last = max(y, last + gap)
        axis.annotate(
            name,
            (x, last),
            xytext=(4, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=8,
        )
