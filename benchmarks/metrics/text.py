"""SeqAcc, NED and CER: what a judge reads in the painted region, beside what was to be painted."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any, Literal

import numpy as np

from benchmarks.metrics.crops import CROPS
from benchmarks.metrics.metric import Interval, Measured, Metric, Session
from benchmarks.metrics.statistics import bootstrap, ratio_bootstrap, wilson
from benchmarks.samples.folder import Source, Unavailable

Judge = Literal["first", "second"]

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
    return 1 - edits(reading, word) / longer if longer else 1.0


def character_error_rate(reading: str, word: str) -> float:
    """Edits / length of the word: 0 is a perfect reading, and more than 1 is possible."""
    return edits(reading, word) / len(word)


def edits(reading: str, word: str) -> int:
    """Insertions, deletions and substitutions between the two (Levenshtein)."""
    from torchmetrics.functional.text import edit_distance

    return int(edit_distance([reading], [word], reduction="none"))


RULES: dict[str, Callable[[str, str], float]] = {
    "SeqAcc": strict,
    "SeqAcc-ci": case_insensitive,
    "SeqAcc-folded": folded,
    "NED": normalised_edit_distance,
    "CER": character_error_rate,
}
COUNTED = ("SeqAcc", "SeqAcc-ci", "SeqAcc-folded")  # each sample is right or wrong


def compare(readings: Sequence[str], words: Sequence[str], rule: str) -> list[float]:
    """Each reading against its word by one of `RULES`."""
    return [RULES[rule](r, w) for r, w in zip(readings, words, strict=True)]


def true_words(session: Session) -> tuple[Source, list[str]]:
    """The pictures that a judge's ceiling is read from, and what stands in them: the painted
    words where there are true pictures of them, else the words that were painted over."""
    records = session.folder.records
    try:
        return session.folder.reference, [r.word for r in records]
    except Unavailable:
        return "truth", [r.source_word for r in records]


def read(session: Session, source: Source, crop: str = "axis", judge: Judge = "first") -> list[str]:
    """What a judge reads in every sample's crop, read once for all metrics.

    Raises:
        Unavailable: the judge reads nothing at all, not even in the real images.
    """
    if (key := ("readings", source, crop, judge)) in session.kept:
        return session.kept[key]
    folder = session.folder
    crops = [
        CROPS[crop](image, record)
        for image, record in zip(folder.images(source), folder.records, strict=True)
    ]
    reader = session.readings if judge == "first" else session.second_readings
    readings = reader.read(crops)
    if source in ("truth", "target") and not any(readings):
        raise Unavailable(
            f"the judge {reader.judge.backbone} reads nothing in the real images: 0 of "
            f"{len(readings)} crops; check the boxes, the size of the crops and the judge's model"
        )
    return session.kept.setdefault(key, readings)


def accuracy(
    session: Session, *, source: Source, rule: str, crop: str = "axis", judge: Judge = "first"
) -> Measured:
    """How well a judge reads the painted word; of "truth", the word in the true pictures."""
    true_source, true = true_words(session)
    ceiling = read(session, true_source, crop, judge)  # one that cannot read is found out here
    if source == "truth":
        readings, words = ceiling, true
    else:
        readings = read(session, source, crop, judge)
        words = [r.word for r in session.folder.records]
    values = compare(readings, words, rule)
    if rule in COUNTED:
        estimate = wilson(sum(values), len(values))
    elif rule == "CER":  # over all characters, as the field has it: long words weigh more
        lengths = [len(word) for word in words]
        estimate = ratio_bootstrap(np.multiply(values, lengths), lengths)
    else:
        estimate = bootstrap(values)
    details: dict[str, Any] = {"crop": crop, "empty": sum(not r for r in readings)}
    if source == "truth":
        same = true == [r.word for r in session.folder.records]
        details["words"] = "as painted" if same else "as painted over"
    reader = session.readings if judge == "first" else session.second_readings
    return Measured(
        estimate=estimate, backbone=reader.judge.backbone, per_image=values, details=details
    )


def relative(session: Session, *, source: Source, rule: str, crop: str) -> Measured:
    """Accuracy over the judge's accuracy on the true images of the same samples."""
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


def _interval(rule: str) -> Interval:
    if rule in COUNTED:
        return "Wilson"
    return "bootstrap of a ratio" if rule == "CER" else "bootstrap over images"


def _metrics() -> list[Metric]:
    metrics = []
    painted: tuple[Source, ...] = ("raw", "composited")
    for crop, rule in product(CROPS, RULES):
        name = rule if crop == "axis" else f"{rule}-{crop}"
        common: dict[str, Any] = {
            "version": 2,  # of 1: in editing, a ceiling on the painted words where it can be had
            "direction": "lower" if rule == "CER" else "higher",
            "unit": "fraction",
            "view": "crop",
            "agrees_with": ("torchmetrics",) if rule in ("NED", "CER") else (),
        }
        for source in (*painted, "truth"):
            measure = partial(accuracy, source=source, rule=rule, crop=crop)
            metrics.append(
                Metric(
                    name=f"{name}/{source}",
                    reads=source,
                    interval=_interval(rule),
                    measure=measure,
                    **common,
                )
            )
        for source in painted:
            if rule != "CER":  # of an error rate whose best is 0 no ratio says anything
                measure = partial(relative, source=source, rule=rule, crop=crop)
                metrics.append(
                    Metric(
                        name=f"{name}-relative/{source}",
                        reads=source,
                        interval="bootstrap of a ratio",
                        measure=measure,
                        **common,
                    )
                )
    return metrics


METRICS = _metrics()
