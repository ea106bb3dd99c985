"""Reading taken apart: by word length, place in the word, font and character."""

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.metrics import hierarchy
from benchmarks.metrics.hierarchy import Panel
from benchmarks.report.figures.confusion import right_places
from benchmarks.report.figures.style import Drawing, new
from benchmarks.report.figures.values import READING, Values

if TYPE_CHECKING:
    import pandas as pd

_READ = "reading/raw"


def by_length(values: Values) -> Drawing | None:
    lengths = values.images(values.tasks[0]).word.str.len()
    return _by(values, "length", "word length", lengths, "SeqAcc of words by their length")


def by_font_style(values: Values) -> Drawing | None:
    return _by_attribute(values, "font_style", "font-style", "SeqAcc by style of the font")


def by_font_seen(values: Values) -> Drawing | None:
    return _by_attribute(
        values,
        "font_seen",
        "font-seen",
        "SeqAcc in fonts that training used, and in others",
        {True: "seen", False: "unseen"},
    )


def _by_attribute(
    values: Values, column: str, name: str, said: str, shown: dict[Any, str] | None = None
) -> Drawing | None:
    images = values.images(values.tasks[0])
    if column not in images:
        return None
    groups = images[column].map(shown) if shown else images[column]
    return _by(values, name, name.replace("-", " "), groups, said)


def _by(values: Values, name: str, label: str, groups: "pd.Series", said: str) -> Drawing | None:
    """SeqAcc with intervals in each group of images; None where there is only one."""
    task = values.tasks[0]
    images = values.images(task)
    known = sorted(groups.dropna().unique())
    if len(known) < 2 or READING not in images:
        return None
    figure, axes = new(1.6 + 0.9 * len(known), 3.0)
    axis = axes[0][0]
    for place, variant in enumerate(values.main):
        own = images[images.variant == variant]
        offset = (place - (len(values.main) - 1) / 2) * 0.7 / max(1, len(values.main))
        look = values.looks[variant]
        for column, group in enumerate(known):
            part = own[groups[own.index] == group]
            found = _interval(part)
            if found:
                x = column + offset
                axis.plot([x, x], [found.low, found.high], color=look["color"], lw=1.4)
                first = variant if column == 0 else None
                axis.plot(
                    x, found.value, look["marker"], color=look["color"], ms=4.5, label=first, ls=""
                )
    counts = [images.id[groups == group].nunique() for group in known]
    axis.set_xticks(
        range(len(known)), [f"{group}\nn = {n}" for group, n in zip(known, counts, strict=True)]
    )
    axis.set_xlabel(label)
    axis.set_ylabel(READING)
    axis.set_ylim(0, 1.02)
    figure.legend(loc="outside right upper")
    return Drawing(
        f"by-{name}",
        f"By {label}",
        f"{said}, n images each. Bars: 95 % intervals over seeds, sources, words and images."
        f"{values.others(values.main)} {values.measured_on(task, READING)}",
        figure,
    )


def _interval(images: "pd.DataFrame") -> Any:
    import pandas as pd

    table = images.pivot(index="seed", columns="id", values=READING).dropna(axis=1)
    if table.empty:
        return None
    first = images.drop_duplicates("id").set_index("id").loc[table.columns]
    codes = [
        pd.factorize(first[c])[0] if c in first and first[c].notna().all() else None
        for c in ("source", "word")
    ]
    return hierarchy.score(Panel(table.to_numpy(float), *codes), bounds=(0.0, 1.0))


def by_position(values: Values) -> Drawing | None:
    """The share of characters read right at each place of the word."""
    task = values.tasks[0]
    images = values.images(task)
    if _READ not in images:
        return None
    figure, axes = new(4.6, 3.0)
    axis = axes[0][0]
    for variant in values.main:
        own = images[(images.variant == variant) & images[_READ].notna()]
        hits: dict[int, list[bool]] = {}
        for word, read in zip(own.word, own[_READ], strict=True):
            for place, right in enumerate(right_places(word, read)):
                hits.setdefault(place + 1, []).append(right)
        if not hits:
            continue
        look = values.looks[variant]
        x = sorted(hits)
        axis.plot(
            x,
            [np.mean(hits[place]) for place in x],
            marker=look["marker"],
            color=look["color"],
            label=variant,
            ms=4.5,
        )
    if not axis.lines:
        return None
    axis.set_xticks(sorted({int(x) for line in axis.lines for x in line.get_xdata()}))
    axis.set_xlabel("place in the word")
    axis.set_ylabel("characters read right")
    axis.set_ylim(0, 1.02)
    figure.legend(loc="outside right upper")
    return Drawing(
        "by-position",
        "By place in the word",
        f"Share of characters that the judge reads at their place, after aligning what it read "
        f"with the word; means over images and seeds, without intervals."
        f"{values.others(values.main)} {values.measured_on(task, READING)}",
        figure,
    )


def by_character(values: Values) -> Drawing | None:
    """The share of each character that is read right."""
    task = values.tasks[0]
    images = values.images(task)
    if _READ not in images:
        return None
    found: dict[str, dict[str, float]] = {}
    for variant in values.first(3):
        own = images[(images.variant == variant) & images[_READ].notna()]
        hits: dict[str, list[bool]] = {}
        for word, read in zip(own.word, own[_READ], strict=True):
            for letter, right in zip(word, right_places(word, read), strict=True):
                hits.setdefault(letter, []).append(right)
        if hits:
            found[variant] = {letter: float(np.mean(own)) for letter, own in hits.items()}
    letters = sorted({letter for own in found.values() for letter in own})
    if not letters:
        return None
    figure, axes = new(max(5.0, 1.4 + 0.24 * len(letters)), 2.9)
    axis = axes[0][0]
    for variant, own in found.items():
        look = values.looks[variant]
        x = [letters.index(letter) for letter in own]
        axis.plot(
            x, list(own.values()), look["marker"], color=look["color"], ms=5, label=variant, ls=""
        )
    axis.set_xticks(range(len(letters)), letters)
    axis.set_ylabel("read right")
    axis.set_ylim(-0.02, 1.02)
    axis.grid(axis="x", color="#eee")
    axis.set_axisbelow(True)
    figure.legend(loc="outside right upper")
    return Drawing(
        "by-character",
        "By character",
        f"Share of each character of the words that the judge reads at its place, over images and "
        f"seeds, without intervals.{values.others(list(found))} "
        + values.measured_on(task, READING),
        figure,
        broad=True,
    )
