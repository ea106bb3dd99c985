"""What another machine makes of the same runs: kept cells of equal signatures, side by side.

    python -m benchmarks.report.devices results/cells results/devices/cells [--out README.md]

A cell's signature covers everything that decides its result but the machine: what is left between
two folders is rounding, which training makes into another model, and with it the spread of seeds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.cells.reader import KeptCell
from benchmarks.report import computed
from dreamtext.errors import UserError
from dreamtext.files import write_text

METRICS = ("SeqAcc/raw", "NED/raw", "mIoU")


@dataclass(frozen=True)
class Pair:
    """One cell as two machines made it: values by metric, and the share of its images that both
    painted rightly or both wrongly (by the first of `METRICS`)."""

    title: str
    ours: dict[str, float | None]
    theirs: dict[str, float | None]
    agreed: float


def pairs(first: Path, second: Path) -> tuple[list[Pair], str, str]:
    """The trained cells that both folders hold, and on what each folder's were computed. A metric
    that a cell lacks, as masks in editing, is None there.

    Raises:
        UserError: they share none.
    """
    names = sorted(
        {p.name for p in first.glob("score-*")} & {p.name for p in second.glob("score-*")}
    )
    found, places = [], (set[str](), set[str]())
    for name in names:
        sides = [KeptCell(folder / name) for folder in (first, second)]
        runs = sides[0].about["runs"]
        if "train" not in runs:
            continue  # another system, which trains nothing
        scores = [{s["metric"]: s["value"] for s in side.scores()} for side in sides]
        values = [{metric: own.get(metric) for metric in METRICS} for own in scores]
        read = [side.per_image()[METRICS[0]] for side in sides]
        for place, side in zip(places, sides, strict=True):
            place.add(computed.where(side.provenance()))
        agreed = float((read[0] == read[1].reindex(read[0].index)).mean())
        found.append(Pair(runs["score"]["title"], values[0], values[1], agreed))
    if not found:
        raise UserError(
            f"no trained cell lies in both '{first}' and '{second}'; name two folders of cells"
        )
    ours, theirs = ("; ".join(sorted(place - {""})) for place in places)  # "": not recorded
    return sorted(found, key=lambda pair: pair.title), ours, theirs


def mean_difference(found: Sequence[Pair], metric: str) -> tuple[float, float, float]:
    """Theirs minus ours, its mean over cells and Student's 95 % interval; infinite for one cell."""
    both = [(pair.ours[metric], pair.theirs[metric]) for pair in found]
    differences = np.array([b - a for a, b in both if a is not None and b is not None])
    if not len(differences):
        return float("nan"), float("nan"), float("nan")
    mean, n = float(differences.mean()), len(differences)
    if n < 2:
        return mean, -float("inf"), float("inf")
    half = float(stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def page(found: Sequence[Pair], ours: str, theirs: str) -> str:
    """The comparison as a page of Markdown."""
    lines = [
        "# The same runs on another device",
        "",
        f"{len(found)} cells of equal signatures, computed on {ours} and on {theirs}: first → "
        "second. Agreed is the share of images that both painted rightly or both wrongly.",
        "",
        f"| run | {' | '.join(METRICS)} | agreed |",
        "|---" * (len(METRICS) + 2) + "|",
    ]
    for pair in found:
        values = (f"{_told(pair.ours[m])} → {_told(pair.theirs[m])}" for m in METRICS)
        lines.append(f"| {pair.title} | {' | '.join(values)} | {pair.agreed:.2f} |")
    told = (mean_difference(found, m) for m in METRICS)
    means = " | ".join(f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]" for mean, low, high in told)
    lines += [f"| mean difference | {means} | |", ""]
    lines += [
        "Intervals are Student's over cells: each cell's difference holds the rounding of two "
        "devices and of their releases of torch, grown by a whole training.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--out", type=Path, help="write the page there too, beside differences.csv")
    asked = parser.parse_args()
    found, ours, theirs = pairs(asked.first, asked.second)
    text = page(found, ours, theirs)
    print(text)
    if asked.out:
        write_text(asked.out, text)
        rows = [(metric, *mean_difference(found, metric)) for metric in METRICS]
        table = pd.DataFrame(rows, columns=["metric", "value", "low", "high"])
        write_text(
            asked.out.with_name("differences.csv"), table.to_csv(index=False, float_format="%.6g")
        )


if __name__ == "__main__":
    main()
