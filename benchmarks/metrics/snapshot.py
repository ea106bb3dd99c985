"""How well painted words are read while a model trains: a few words, one judge, no intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.metrics.crops import axis_aligned
from benchmarks.metrics.judges.catalogue import judge
from benchmarks.metrics.judges.readings import Readings
from benchmarks.metrics.options import Options
from benchmarks.metrics.text import compare
from benchmarks.samples.folder import Record

if TYPE_CHECKING:
    from dreamtext.data.sample import Sample

RULES = ("SeqAcc", "NED")


class SnapshotReader:
    """Called with painted pictures and their samples, it scores them by `RULES`; the judge is
    loaded at the first call."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.readings: Readings | None = None

    def __call__(self, pictures: np.ndarray, samples: Sequence["Sample"]) -> dict[str, float]:
        """Mean scores by name; pictures are (N, H, W, 3) uint8."""
        if self.readings is None:
            cache = self.options.cache
            self.readings = Readings(judge(self.options.judge, cache), cache)
        crops = [
            axis_aligned(picture, _record(sample))
            for picture, sample in zip(pictures, samples, strict=True)
        ]
        readings = self.readings.read(crops)
        words = [sample.word for sample in samples]
        return {rule: float(np.mean(compare(readings, words, rule))) for rule in RULES}


def _record(sample: "Sample") -> Record:
    rows, columns = np.nonzero(sample.region)
    return Record(
        id=sample.id,
        source_word=sample.word,
        word=sample.word,
        box=(int(columns.min()), int(rows.min()), int(columns.max() + 1), int(rows.max() + 1)),
        quad=((0.0, 0.0),) * 4,
    )
