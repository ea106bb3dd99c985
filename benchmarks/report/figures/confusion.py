"""Which character is read for which."""

from collections import Counter
from difflib import SequenceMatcher
from functools import lru_cache

import numpy as np

from benchmarks.report.figures.style import Drawing, new
from benchmarks.report.figures.values import READING, Values

_MISSING, _NOTHING = "", "∅"  # where nothing was read, and how an axis shows that


@lru_cache(maxsize=100_000)
def aligned(word: str, read: str) -> tuple[str, ...]:
    """For each character of the word, what was read at its place; "" where nothing was."""
    found = [_MISSING] * len(word)
    for kind, i, end, j, last in SequenceMatcher(None, word, read, autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and end - i == last - j):
            found[i:end] = read[j:last]
    return tuple(found)


def right_places(word: str, read: str) -> list[bool]:
    """For each character of the word, whether it was read there."""
    return [one == other for one, other in zip(word, aligned(word, read), strict=True)]


def characters(values: Values) -> Drawing | None:
    """A confusion matrix for each side of the primary contrast."""
    task = values.tasks[0]
    images = values.images(task)
    primary = values.study.primary
    asked = [primary.variant, primary.against] if primary else [values.study.reference]
    counts = {}
    for variant in asked:
        if "reading/raw" not in images:
            return None
        own = images[(images.variant == variant) & images["reading/raw"].notna()]
        pairs: Counter[tuple[str, str]] = Counter()
        for word, read in zip(own.word, own["reading/raw"], strict=True):
            pairs.update(zip(word, aligned(word, read), strict=True))
        if pairs:
            counts[variant] = pairs
    if not counts:
        return None
    true = sorted({one for pairs in counts.values() for one, _ in pairs})
    wrong = Counter(
        other for pairs in counts.values() for (one, other), n in pairs.items() if one != other
    )
    read = [*sorted({*true, *(name for name, _ in wrong.most_common(40))} - {_MISSING}), _MISSING]
    size = 1.0 + 0.16 * len(read)
    figure, axes = new(size * len(counts) + 0.8, 1.0 + 0.16 * len(true), 1, len(counts))
    for axis, (variant, pairs) in zip(axes[0], counts.items(), strict=True):
        shares = np.zeros((len(true), len(read)))
        for (one, other), n in pairs.items():
            if other in read:
                shares[true.index(one), read.index(other)] = n
        totals = np.array([sum(n for (a, _), n in pairs.items() if a == one) for one in true])
        shares /= np.maximum(totals, 1)[:, None]
        shown = axis.imshow(shares, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        axis.set_xticks(range(len(read)), [r or _NOTHING for r in read], fontsize=6)
        axis.set_yticks(range(len(true)), true, fontsize=6)
        axis.set_xlabel(f"read ({_NOTHING}: nothing)")
        axis.set_title(variant)
    axes[0][0].set_ylabel("painted")
    figure.colorbar(shown, ax=axes[0].tolist(), label="share of the painted character")
    return Drawing(
        "confusion",
        "Characters read for one another",
        "What the judge read at each painted character's place, after aligning the two; rows add "
        f"up to 1 but for rare readings. {values.measured_on(task, READING)}",
        figure,
        broad=True,
    )
