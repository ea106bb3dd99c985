"""Does mask quality go with SeqAcc? Per sample within a run, pooled over a variant's seeds, and per
variant.

Many runs with an interval each are no vote: the seeds of a variant share their samples, and are
pooled. Nor are the runs of a few variants so many independent points: across variants, a variant is
one point.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from benchmarks.mask_lab.figures import _pyplot, _save
from benchmarks.metrics.hierarchy import Panel, resampled
from benchmarks.metrics.statistics import (
    RESAMPLES,
    Estimate,
    bootstrap,
    spearman,
    spearman_of_few,
    wilson,
)

BINS = 5


@dataclass(frozen=True, kw_only=True)
class Values:
    """One run's values by sample: mIoU under its own settings, and what the judge read.

    `better` is the sample's IoU under the setting that was best on other samples, `best` under
    the best threshold of each map; `length` is the word's, `source` what the sample stands on.
    """

    title: str
    miou: np.ndarray
    seqacc: np.ndarray
    ned: np.ndarray
    better: np.ndarray
    best: np.ndarray
    length: np.ndarray
    source: np.ndarray | None = None

    def only(self, length: int) -> "Values":
        """The samples whose words have one length."""
        keep = self.length == length
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "title"}
        title = f"{self.title}, words of {length}"
        kept = {name: a[keep] for name, a in arrays.items() if a is not None}
        return Values(title=title, **kept)


def within(values: Values) -> dict[str, Estimate]:
    """Spearman's correlation over the samples of one run; none where a side never varies."""
    found = {}
    for name in ("seqacc", "ned"):
        other = getattr(values, name)
        if np.ptp(other) and np.ptp(values.miou):
            found[name] = spearman(values.miou, other)
    return found


def slope(values: Values) -> Estimate | None:
    """SeqAcc per mIoU: least squares over the samples of one run, bootstrapped; None where one
    of them never varies."""
    if not np.ptp(values.miou) or not np.ptp(values.seqacc):
        return None

    def slopes(pairs: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(pairs - pairs.mean(1, keepdims=True), -1, 0)
        spread = (x * x).sum(1)
        return np.divide((x * y).sum(1), spread, out=np.full_like(spread, np.nan), where=spread > 0)

    return bootstrap(np.stack([values.miou, values.seqacc], 1), slopes)


def pooled(runs: list[Values], name: str = "seqacc", *, resamples: int = RESAMPLES) -> Estimate:
    """Rank correlation of mIoU and what was read, over the samples of a variant's runs: ranks are
    taken within a run and word length, so that neither makes the relation. The interval draws
    seeds, photographs and images.

    Raises:
        ValueError: the runs are not of the same samples.
    """
    from scipy.stats import rankdata

    first = runs[0]
    if any(not np.array_equal(run.length, first.length) for run in runs):
        raise ValueError("only runs of the same samples can be pooled")
    mious, others = np.stack([r.miou for r in runs]), np.stack([getattr(r, name) for r in runs])

    def correlation(seeds: np.ndarray, images: np.ndarray) -> float:
        parts = []
        for length in np.unique(first.length[images]):
            own = images[first.length[images] == length]
            for values in (mious, others):
                ranks = rankdata(values[np.ix_(seeds, own)], axis=1)
                parts.append((ranks - ranks.mean(1, keepdims=True)).ravel() / len(own))
        x, y = np.concatenate(parts[::2]), np.concatenate(parts[1::2])
        spread = np.sqrt((x @ x) * (y @ y))
        return float(x @ y / spread) if spread else np.nan

    n = len(first.length)
    codes = None if first.source is None else np.unique(first.source, return_inverse=True)[1]
    low, high = resampled(Panel(mious, codes), correlation, resamples=resamples)
    return Estimate(correlation(np.arange(len(runs)), np.arange(n)), low, high, n)


def by_variant(runs: list[Values]) -> dict[str, list[Values]]:
    """Runs by what their titles share without the seed."""
    found: dict[str, list[Values]] = {}
    for run in runs:
        found.setdefault(_variant(run.title), []).append(run)
    return found


def across(runs: list[Values]) -> Estimate | None:
    """Spearman's correlation of the variants' mean mIoU and SeqAcc, a point a variant; None below
    four variants, or where a side never varies."""
    groups = by_variant(runs).values()
    x = [np.mean([r.miou.mean() for r in own]) for own in groups]
    y = [np.mean([r.seqacc.mean() for r in own]) for own in groups]
    if len(x) < 4 or not np.ptp(x) or not np.ptp(y):
        return None
    return spearman_of_few(x, y)


def binned(values: Values, bins: int = BINS) -> list[tuple[float, Estimate]]:
    """Mean mIoU and SeqAcc (Wilson) of equally large groups of samples, from low mIoU to high."""
    groups = np.array_split(np.argsort(values.miou, kind="stable"), bins)
    return [
        (float(values.miou[g].mean()), wilson(values.seqacc[g].sum(), len(g)))
        for g in groups
        if len(g)
    ]


def table(runs: list[Values]):
    """A row per run, one per run and word length (longer words may have other masks *and* be read
    less often), one per variant with several seeds, and one across variants, as a data frame."""
    import pandas as pd

    rows = []
    for values in [*runs, *_by_length(runs)]:
        row = {
            "run": values.title,
            "n": len(values.miou),
            "miou": values.miou.mean(),
            "seqacc": values.seqacc.mean(),
            "ned": values.ned.mean(),
            "miou, setting chosen on other samples": values.better.mean(),
            "miou, best threshold of each map": values.best.mean(),
        }
        for name, estimate in within(values).items():
            row |= _three(f"rank correlation with {name}", estimate)
        if (steep := slope(values)) is not None:
            row |= _three("seqacc per miou", steep)
        rows.append(row)
    for variant, own in by_variant(runs).items():
        if len(own) > 1:
            total = pooled(own)
            row = {"run": f"{variant}, pooled over {len(own)} seeds at one word length"}
            rows.append(row | {"n": total.n} | _three("rank correlation with seqacc", total))
    if (between := across(runs)) is not None:
        row = {"run": "across variants", "n": between.n}
        rows.append(row | _three("rank correlation with seqacc", between))
    return pd.DataFrame(rows)


def _by_length(runs: list[Values], least: int = 30) -> list[Values]:
    parts = []
    for values in runs:
        lengths, counts = np.unique(values.length, return_counts=True)
        if len(lengths) > 1:
            parts += [values.only(int(n)) for n in lengths[counts >= least]]
    return parts


def _three(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}, low": estimate.low, f"{name}, high": estimate.high}


def plot(runs: list[Values], path: Path) -> None:
    """Left: SeqAcc of groups of samples against their mIoU, a line a run. Right: a point a run."""
    plt = _pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
    variants = list(dict.fromkeys(_variant(r.title) for r in runs))
    colours = {v: plt.get_cmap("tab10")(i) for i, v in enumerate(variants)}
    named = set()
    for values in runs:
        variant = _variant(values.title)
        groups = binned(values)
        x = [g[0] for g in groups]
        y = [g[1].value for g in groups]
        bounds = np.abs(np.array([[g[1].low, g[1].high] for g in groups]).T - y)
        label = None if variant in named else variant
        left.errorbar(x, y, bounds, marker="o", ms=4, lw=1, color=colours[variant], label=label)
        right.plot(values.miou.mean(), values.seqacc.mean(), "o", color=colours[variant])
        named.add(variant)
    left.set_xlabel(f"mIoU of {BINS} equal groups of samples")
    left.set_ylabel("SeqAcc (95 % Wilson)")
    left.legend(fontsize=8, loc="upper left")
    right.set_xlabel("mean mIoU of a run")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    _save(figure, path)


def _variant(title: str) -> str:
    """A run's title without its seed and task: what runs of one variant share."""
    return title.split(" seed ")[0]
