"""SeqAcc and NED: what a judge reads in the painted region, beside what was to be painted."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

import numpy as np

from benchmarks.metrics.crops import CROPS
from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.statistics import bootstrap, ratio_bootstrap, wilson
from benchmarks.samples.folder import Source, Unavailable

# Signs no judge can tell apart in every font.
_AMBIGUOUS = str.maketrans("I10", "llO")


def strict(reading: str, word: str) -> float:
    """1 where every character agrees."""
    return float(reading == word)


def case_insensitive(reading: str, word: str) -> float:
    """1 where every character agrees in lower case; punctuation counts."""
    return float(reading.lower() == word.lower())


def folded(reading: str, word: str) -> float:
    """1 where every character agrees, l I 1 being one sign, and O 0 one."""
    return float(reading.translate(_AMBIGUOUS) == word.translate(_AMBIGUOUS))


def normalised_edit_distance(reading: str, word: str) -> float:
    """1 - edits / length of the longer one: 1 is a perfect reading (ICDAR's 1-N.E.D.)."""
    longer = max(len(reading), len(word))
    return 1 - edit_distance(reading, word) / longer if longer else 1.0


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


RULES: dict[str, Callable[[str, str], float]] = {
    "SeqAcc": strict,
    "SeqAcc-ci": case_insensitive,
    "SeqAcc-folded": folded,
    "NED": normalised_edit_distance,
}


def compare(readings: Sequence[str], words: Sequence[str], rule: str) -> list[float]:
    """Each reading against its word by one of `RULES`."""
    return [RULES[rule](r, w) for r, w in zip(readings, words, strict=True)]


def read(session: Session, source: Source, crop: str) -> list[str]:
    """What the judge reads in every sample's crop, read once for all metrics.

    Raises:
        Unavailable: the judge reads nothing at all, not even in the real images.
    """
    if (key := ("readings", source, crop)) in session.kept:
        return session.kept[key]
    folder = session.folder
    crops = [
        CROPS[crop](image, record)
        for image, record in zip(folder.images(source), folder.records, strict=True)
    ]
    readings = session.readings.read(crops)
    if source == "truth" and not any(readings):
        raise Unavailable(
            f"the judge {session.readings.judge.backbone} reads nothing in the real images: 0 of "
            f"{len(readings)} crops; check the boxes, the size of the crops and the judge's model"
        )
    return session.kept.setdefault(key, readings)


def accuracy(session: Session, *, source: Source, rule: str, crop: str) -> Measured:
    """How well the judge reads the painted word, or in the truth the word that stands there."""
    ceiling = read(session, "truth", crop)  # a judge that cannot read is found out here
    records = session.folder.records
    words = [r.source_word if source == "truth" else r.word for r in records]
    readings = ceiling if source == "truth" else read(session, source, crop)
    values = compare(readings, words, rule)
    estimate = bootstrap(values) if rule == "NED" else wilson(sum(values), len(values))
    return Measured(
        estimate=estimate,
        backbone=session.readings.judge.backbone,
        per_image=values,
        details={"crop": crop, "empty": sum(not r for r in readings)},
    )


def relative(session: Session, *, source: Source, rule: str, crop: str) -> Measured:
    """Accuracy over the judge's accuracy on the real images of the same samples."""
    painted = accuracy(session, source=source, rule=rule, crop=crop)
    ceiling = accuracy(session, source="truth", rule=rule, crop=crop)
    if ceiling.estimate.value == 0:
        raise Unavailable(
            f"the judge {ceiling.backbone} reads 0 of {ceiling.estimate.n} real images rightly, "
            "so there is no ceiling to relate to"
        )
    estimate = ratio_bootstrap(np.array(painted.per_image), np.array(ceiling.per_image))
    details = {"crop": crop, "accuracy": painted.estimate.value, "ceiling": ceiling.estimate.value}
    return Measured(estimate=estimate, backbone=painted.backbone, details=details)


def _metrics() -> list[Metric]:
    metrics = []
    for crop, rule in product(CROPS, RULES):
        name = rule if crop == "axis" else f"{rule}-{crop}"
        common = {"version": 1, "direction": "higher", "unit": "fraction", "view": "crop"}
        for source in ("raw", "composited", "truth"):
            measure = partial(accuracy, source=source, rule=rule, crop=crop)
            metrics.append(Metric(name=f"{name}/{source}", reads=source, measure=measure, **common))
        for source in ("raw", "composited"):
            measure = partial(relative, source=source, rule=rule, crop=crop)
            metrics.append(
                Metric(name=f"{name}-relative/{source}", reads=source, measure=measure, **common)
            )
    return metrics


METRICS = _metrics()
