"""How often the intervals of `benchmarks.metrics.hierarchy` hold the truth, by simulation.

    python -m benchmarks.perf.coverage --out results/statistics

Scores are drawn from seeds, photographs and words whose truth is known: a word's chance of being
read is the logistic of a mean plus normal effects of its seed, photograph, word and image (their
standard deviations, in logits, are a scenario). Beside our intervals stand two that one meets:
pairs of image and seed taken as independent, and the percentiles of a bootstrap that draws every
level at once.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.metrics.hierarchy import Panel, difference, score
from benchmarks.report.simulated import OURS, short

if TYPE_CHECKING:
    import pandas as pd

IMAGES, PHOTOGRAPHS, COMMON_WORDS = 288, 40, 60
SEEDS = (2, 3, 5, 10)
DRAWS = 400


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A score's truth: the mean in logits, and the deviations of each level's effect."""

    name: str
    logit: float
    seed: float
    photograph: float
    word: float
    image: float = 1.0
    counted: bool = True  # read or not; otherwise the chance itself, as of an overlap
    gap: float | None = None  # of a second variant in logits: a difference is scored


SCENARIOS = (
    Scenario(name="half read", logit=0, seed=0.2, photograph=0.5, word=0.5),
    Scenario(name="half read, seeds differ widely", logit=0, seed=0.6, photograph=0.5, word=0.5),
    Scenario(name="half read, seeds alike", logit=0, seed=0, photograph=0.5, word=0.5),
    Scenario(name="half read, photographs decide", logit=0, seed=0.2, photograph=1.5, word=0),
    Scenario(name="half read, words decide", logit=0, seed=0.2, photograph=0, word=2),
    Scenario(name="a tenth read", logit=-3, seed=0.3, photograph=0.5, word=0.5),
    Scenario(name="one in a hundred read", logit=-6, seed=0.3, photograph=0.5, word=0.5),
    Scenario(name="one in a thousand read", logit=-8.3, seed=0.3, photograph=0.5, word=0.5),
    Scenario(name="nearly all read", logit=5, seed=0.3, photograph=0.5, word=0.5),
    Scenario(
        name="an overlap", logit=0, seed=0.1, photograph=0.3, word=0.3, image=0.5, counted=False
    ),
    Scenario(name="a difference", logit=-0.5, seed=0.2, photograph=0.5, word=0.5, gap=0.8),
    Scenario(name="no difference", logit=0, seed=0.2, photograph=0.5, word=0.5, gap=0),
    Scenario(
        name="a difference, seeds differ widely",
        logit=-0.5,
        seed=0.6,
        photograph=0.5,
        word=0.5,
        gap=0.8,
    ),
)


def draw(scenario: Scenario, seeds: int, rng: np.random.Generator) -> Panel:
    """A study's panel: common words and words met once, on a few photographs."""
    photographs = rng.integers(0, PHOTOGRAPHS, IMAGES)
    words = np.where(
        rng.random(IMAGES) < 0.43, rng.integers(0, COMMON_WORDS, IMAGES), 100 + np.arange(IMAGES)
    )
    common = (
        rng.normal(0, scenario.photograph, PHOTOGRAPHS)[photographs]
        + rng.normal(0, scenario.word, 100 + IMAGES)[words]
        + rng.normal(0, scenario.image, IMAGES)
    )
    first = _values(scenario, scenario.logit, common, seeds, rng)
    if scenario.gap is not None:
        # Variants share what makes an image hard, not wholly: each has a part of its own.
        own = rng.normal(0, scenario.photograph / 2, PHOTOGRAPHS)[photographs]
        second = _values(scenario, scenario.logit + scenario.gap, common + own, seeds, rng)
        first = second - first
    return Panel(first, photographs, words)


def _values(
    scenario: Scenario, logit: float, common: np.ndarray, seeds: int, rng: np.random.Generator
) -> np.ndarray:
    effects = rng.normal(0, scenario.seed, (seeds, 1)) if scenario.seed else np.zeros((seeds, 1))
    chance = 1 / (1 + np.exp(-(logit + effects + common)))
    return (rng.random(chance.shape) < chance).astype(float) if scenario.counted else chance


def truth(scenario: Scenario) -> float:
    """The expected score, over all seeds, photographs, words and images there could be."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(101)

    def expected(logit: float, *deviations: float) -> float:
        at = logit + nodes * np.sqrt(np.square(deviations).sum())
        return float((weights / (1 + np.exp(-at))).sum() / weights.sum())

    levels = (scenario.seed, scenario.photograph, scenario.word, scenario.image)
    first = expected(scenario.logit, *levels)
    if scenario.gap is None:
        return first
    return expected(scenario.logit + scenario.gap, *levels, scenario.photograph / 2) - first


def ours(panel: Panel, scenario: Scenario) -> tuple[float, float]:
    """The interval under test."""
    if scenario.gap is None:
        return score(panel, bounds=(0, 1))[1:3]
    return difference(panel, most=1)[1:3]


def of_pairs(panel: Panel) -> tuple[float, float]:
    """A normal interval that takes every pair of image and seed as independent."""
    half = 1.96 * panel.values.std(ddof=1) / np.sqrt(panel.values.size)
    return panel.values.mean() - half, panel.values.mean() + half


def of_draws(panel: Panel, rng: np.random.Generator) -> tuple[float, float]:
    """Percentiles of a bootstrap that draws seeds, photographs and words at once."""
    assert panel.photographs is not None
    assert panel.words is not None

    def counts(codes: np.ndarray) -> np.ndarray:
        place = np.unique(codes, return_inverse=True)[1]
        groups = place.max() + 1
        return rng.multinomial(groups, np.full(groups, 1 / groups), DRAWS)[:, place]

    seeds = len(panel.values)
    by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS)
    by_image = counts(panel.photographs) * counts(panel.words)
    means = ((by_seed @ panel.values) * by_image).sum(1) / (seeds * by_image.sum(1))
    low, high = np.nanquantile(means, [0.025, 0.975])
    return float(low), float(high)


def simulate(scenario: Scenario, seeds: int, repeats: int) -> Iterator[dict[str, object]]:
    """A row a kind of interval: how many of the repeats hold the truth, and the mean width."""
    rng = np.random.default_rng([seeds, SCENARIOS.index(scenario)])
    held: dict[str, list[bool]] = {}
    width: dict[str, list[float]] = {}
    real = truth(scenario)
    for _ in range(repeats):
        panel = draw(scenario, seeds, rng)
        intervals = {
            OURS: ours(panel, scenario),
            "pairs independent": of_pairs(panel),
            "percentiles of draws": of_draws(panel, rng),
        }
        for name, (low, high) in intervals.items():
            held.setdefault(name, []).append(low <= real <= high)
            width.setdefault(name, []).append(high - low)
    for name, inside in held.items():
        yield {
            "scenario": scenario.name,
            "truth": real,
            "seeds": seeds,
            "interval": name,
            "coverage": float(np.mean(inside)),
            "width": float(np.mean(width[name])),
            "repeats": repeats,
        }


def main() -> None:
    """Simulate every scenario; write `coverage.csv` and `coverage.md`."""
    import pandas as pd
    from tqdm import tqdm

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("results/statistics"))
    parser.add_argument("--repeats", type=int, default=1000)
    given = parser.parse_args()
    cases = [(scenario, seeds) for scenario in SCENARIOS for seeds in SEEDS]
    rows = [row for one, seeds in tqdm(cases) for row in simulate(one, seeds, given.repeats)]
    table = pd.DataFrame(rows)
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "coverage.csv", index=False, float_format="%.6g")
    (given.out / "coverage.md").write_text(report(table))


def report(table: "pd.DataFrame") -> str:
    """The Markdown of the simulated table: coverage of each kind of interval, and our width."""
    kinds = list(dict.fromkeys(table.interval))
    lines = [
        "# How often 95 % intervals hold the truth",
        "",
        f"{table.repeats.max()} simulated studies a row, each {IMAGES} images on {PHOTOGRAPHS} "
        f"photographs, 43 % of them with one of {COMMON_WORDS} words that recur. Written by "
        "`python -m benchmarks.perf.coverage`, which names the scenarios' effects.",
        "",
        *_below(table[table.interval == OURS]),
        "",
        "| scenario | truth | seeds | " + " | ".join(kinds) + " | our mean width |",
        "|" + " --- |" * (len(kinds) + 4),
    ]
    for (name, real, seeds), own in table.groupby(["scenario", "truth", "seeds"], sort=False):
        by = own.set_index("interval")
        held = " | ".join(f"{by.coverage[kind]:.3f}" for kind in kinds)
        lines.append(f"| {name} | {real:.4f} | {seeds} | {held} | {by.width[kinds[0]]:.3f} |")
    return "\n".join(lines) + "\n"


def _below(ours: "pd.DataFrame") -> Iterator[str]:
    """By number of seeds: the worst of our intervals, and where they hold less than they say."""
    for seeds, rows in ours.groupby("seeds"):
        below = short(rows).sort_values("coverage")
        named = "; ".join(f"{row.scenario} {row.coverage:.3f}" for row in below.itertuples())
        yield (
            f"- {seeds} seeds: {rows.coverage.min():.3f} at worst. Below 95 % by more than the "
            f"simulation's chance in {len(below)} of {len(rows)} scenarios"
            + (f": {named}." if named else ".")
        )


if __name__ == "__main__":
    main()
