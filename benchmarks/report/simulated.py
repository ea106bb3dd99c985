"""How far intervals over few seeds can be trusted, by the simulation that comes along."""

from functools import cache
from typing import TYPE_CHECKING

from benchmarks.metrics.statistics import LEVEL
from dreamtext import places

if TYPE_CHECKING:
    import pandas as pd

FILE = places.results() / "statistics" / "coverage.csv"
OURS = "hierarchical"  # the kind of interval that tables have


@cache
def table() -> "pd.DataFrame":
    """Our intervals' coverage: a row a `scenario` and number of `seeds`."""
    import pandas as pd

    every = pd.read_csv(FILE)
    return every[every.interval == OURS]


def short(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Those that hold the truth less often than they say, by more than the simulation's chance."""
    chance = 2 * (LEVEL * (1 - LEVEL) / rows.repeats) ** 0.5
    return rows[rows.coverage < LEVEL - chance]


def note(seeds: int) -> str | None:
    """What a reader of intervals over so many seeds must know; None where they hold what they say.

    Of a number of seeds that was not simulated, the next smaller one that was is told.
    """
    known = table()
    simulated = known.seeds[known.seeds <= seeds].max()
    rows = known[known.seeds == simulated]
    below = short(rows)
    if below.empty:
        return None
    worst = below.loc[below.coverage.idxmin()]
    return (
        f"Few seeds: of simulated studies with {simulated} seeds, 95 % intervals held the truth in "
        f"{worst.coverage:.1%} at worst ({worst.scenario}), and in fewer than 95 % in {len(below)} "
        f"of {len(rows)} cases (results/statistics)."
    )
