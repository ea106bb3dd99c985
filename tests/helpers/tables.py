"""Tables of small studies, and what they must hold, made by hand."""

import numpy as np
import pandas as pd
from helpers.records import record_of
from scipy import stats

from benchmarks.report import tables
from benchmarks.report.panels import BLOCKS
from benchmarks.report.record import Record
from benchmarks.report.render import Table
from benchmarks.report.summary import summarise
from benchmarks.study import Study

READ, LOWER, FAR = "SeqAcc/raw", "SeqAcc-ci/raw", "FD-EffNetLite0/raw"
# Three seeds on ten images each: means 0, .4 and .7, seed by seed.
NONE = np.zeros((3, 10))
BALANCED = np.array([[1, 1, 1, 0, 0, 0, 0, 0, 0, 0]] * 1 + [[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]] * 1
                    + [[1, 1, 1, 1, 1, 0, 0, 0, 0, 0]])  # fmt: skip
FULL = np.array([[1] * 7 + [0] * 3, [1] * 7 + [0] * 3, [1] * 7 + [0] * 3])


def known_record() -> Record:
    """The three arms above, and a distance that each run has as a whole."""
    return record_of(
        {("none", READ): NONE, ("balanced", READ): BALANCED, ("full", READ): FULL},
        whole={
            ("none", FAR): [(900, 880.4, 919.6)] * 3,
            ("balanced", FAR): [(800, 780.4, 819.6), (810, 790.4, 829.6), (820, 800.4, 839.6)],
            ("full", FAR): [(790, 770.4, 809.6)] * 3,
        },
    )


def made(study: Study, record: Record) -> dict[str, Table]:
    """Every table of a study, by its title."""
    summary = pd.concat([summarise(study, record), *(summarise(study, record, b) for b in BLOCKS)])
    return {table.title: table for table in tables.all_tables(study, record, summary)}


def by_hand(differences: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, low, high and p of seeds x images that share no cluster."""
    mean = differences.mean()
    of_seeds = differences.mean(1).var(ddof=1) / 3
    of_images = differences.mean(0).var(ddof=1) / 10
    df = (of_seeds + of_images) ** 2 / (of_seeds**2 / 2 + of_images**2 / 9)
    error = np.sqrt(of_seeds + of_images)
    half = stats.t.ppf(0.975, df) * error
    return mean, mean - half, mean + half, 2 * stats.t.sf(abs(mean) / error, df)
