"""Does neighbouring text survive? The judge reads the picture's other words before and after."""

from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.metrics.crops import rectified
from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.statistics import ratio_bootstrap
from benchmarks.metrics.text import case_insensitive
from benchmarks.samples.folder import Neighbour, Record, Source, Unavailable


def text_survival(session: Session, *, source: Source) -> Measured:
    """Of the other words that the judge reads in the real picture, the share it still reads in the
    painted one. Case is ignored: a judge's case changes with less than a word's damage does.

    Raises:
        Unavailable: no other words are known, or the judge reads none of them before.
    """
    before = _right(session, "truth")
    after = _right(session, source)
    readable = [sum(words) for words in before]
    if not sum(readable):
        raise Unavailable(
            f"the judge {session.readings.judge.backbone} reads none of the "
            f"{sum(map(len, before))} neighbouring words in the real pictures"
        )
    survived = [
        sum(b and a for b, a in zip(*pair, strict=True)) for pair in zip(before, after, strict=True)
    ]
    kept = [i for i, count in enumerate(readable) if count]
    per_image = [s / r if r else None for s, r in zip(survived, readable, strict=True)]
    return Measured(
        estimate=ratio_bootstrap(np.take(survived, kept), np.take(readable, kept)),
        backbone=session.readings.judge.backbone,
        per_image=per_image,
        details={"words": sum(map(len, before)), "read before": sum(readable)},
    )


def _right(session: Session, source: Source) -> list[list[bool]]:
    """For every sample and each of its neighbours: whether the judge reads it right."""
    if (key := ("neighbours", source)) in session.kept:
        return session.kept[key]
    folder = session.folder
    others = [outside(record) for record in folder.records]
    if not any(others):
        raise Unavailable("no other words of the pictures are known (neighbours in samples.jsonl)")
    crops, words = [], []
    for index, (record, own) in enumerate(zip(folder.records, others, strict=True)):
        if own:
            image = folder.image(source, index)
            crops += [rectified(image, replace(record, quad=n.quad)) for n in own]
            words += [n.word for n in own]
    readings = session.readings.read(crops)
    right = iter([case_insensitive(r, w) == 1 for r, w in zip(readings, words, strict=True)])
    found = [[next(right) for _ in own] for own in others]
    return session.kept.setdefault(key, found)


def outside(record: Record) -> list[Neighbour]:
    """The neighbours that do not reach into the region: only those were to be left alone."""
    x0, y0, x1, y1 = record.box
    found = []
    for neighbour in record.neighbours:
        (left, top), (right, bottom) = np.min(neighbour.quad, 0), np.max(neighbour.quad, 0)
        if right <= x0 or left >= x1 or bottom <= y0 or top >= y1:
            found.append(neighbour)
    return found


METRICS = [
    Metric(
        name=f"text-survival/{source}",
        version=1,
        direction="higher",
        unit="fraction",
        reads=source,
        view="crop",
        interval="bootstrap of a ratio",
        measure=partial(text_survival, source=source),
    )
    for source in ("raw", "composited")
]
