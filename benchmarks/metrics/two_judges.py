"""Two judges on the same crops: how often each and either reads the word, and whether they agree.

One judge may favour what one system paints; a word that only one of them reads is worth a look.
"""

from functools import partial
from typing import Any

from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.statistics import wilson
from benchmarks.metrics.text import accuracy, read, strict, true_words
from benchmarks.samples.folder import Source


def either(session: Session, *, source: Source) -> Measured:
    """Share of samples whose word is read right by at least one of the two; `details` lists those
    that only one of them reads, with both readings."""
    own, words = _words(session, source)
    readings = _both(session, source)
    right = [(strict(a, w), strict(b, w)) for (a, b), w in zip(readings, words, strict=True)]
    values = [max(pair) for pair in right]
    names = (session.readings.judge.backbone, session.second_readings.judge.backbone)
    alone: dict[str, list[dict[str, str]]] = {name: [] for name in names}
    for sample, word, read_as, (a, b) in zip(
        session.folder.ids, words, readings, right, strict=True
    ):
        if a != b:
            row = {"id": sample, "word": word, "first": read_as[0], "second": read_as[1]}
            alone[names[0] if a else names[1]].append(row)
    return Measured(
        estimate=wilson(sum(values), len(values)),
        backbone=" or ".join(names),
        per_image=values,
        details={"pictures": own, "read only by": alone},
    )


def agreement(session: Session, *, source: Source) -> Measured:
    """Share of samples that both read as the same word, right or wrong; `details` has both
    readings of every sample."""
    readings = _both(session, source)
    values = [strict(a, b) for a, b in readings]
    names = (session.readings.judge.backbone, session.second_readings.judge.backbone)
    return Measured(
        estimate=wilson(sum(values), len(values)),
        backbone=" and ".join(names),
        per_image=values,
        details={"readings": dict(zip(session.folder.ids, map(list, readings), strict=True))},
    )


def _words(session: Session, source: Source) -> tuple[Source, list[str]]:
    if source == "truth":
        return true_words(session)
    return source, [r.word for r in session.folder.records]


def _both(session: Session, source: Source) -> list[tuple[str, str]]:
    own, _ = _words(session, source)
    first, second = (read(session, own, judge=judge) for judge in ("first", "second"))
    return list(zip(first, second, strict=True))


def _metrics() -> list[Metric]:
    metrics = []
    common: dict[str, Any] = {
        "version": 1,
        "direction": "higher",
        "unit": "fraction",
        "view": "crop",
        "interval": "Wilson",
    }
    for source in ("raw", "composited", "truth"):
        functions = {
            "SeqAcc-second": partial(accuracy, source=source, rule="SeqAcc", judge="second"),
            "SeqAcc-either": partial(either, source=source),
            "judges-agree": partial(agreement, source=source),
        }
        metrics += [
            Metric(name=f"{name}/{source}", reads=source, measure=measure, **common)
            for name, measure in functions.items()
        ]
    return metrics


METRICS = _metrics()
