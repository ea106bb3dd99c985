"""Does the ranking depend on the measure? A study's systems, and brought ones beside them, ranked
by every measure, and how far any two measures agree.

`results/measures/`:

    README.md        the systems' ranks by measure, and who changes places with whom
    measures.csv     a row a task, measure and system: value, interval, span of its rank
    agreement.csv    a row a task and pair of measures: Kendall's tau-b and Spearman's rho of the
                     values, and of the pairs of systems that both tell apart the share that they
                     order alike
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from benchmarks.exchange.leaderboard import FIRST, cells_of
from benchmarks.exchange.standings import PAINT_NOTHING, Standing, ahead, ranked, read_all
from dreamtext.files import write_text

FOLDER, STUDY = "measures", "comparison"
_LEAST = 3  # systems, below which no order is to be compared


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How two measures order the systems that both have a value of.

    Attributes:
        kendall, spearman: of the values, each the better the higher; None where one of the
            measures has one value for all systems.
        told_apart: the pairs of systems whose intervals overlap by neither measure.
        reversed: those of them that the second measure orders the other way round, as (ahead by
            the first, ahead by the second).
    """

    first: str
    second: str
    systems: int
    kendall: float | None
    spearman: float | None
    told_apart: int
    reversed: tuple[tuple[str, str], ...]


def compare(first: Sequence[Standing], second: Sequence[Standing]) -> Agreement:
    """Two measures of the same systems, on the same samples."""
    from scipy.stats import kendalltau, spearmanr

    a, b = (
        {r.system: r for r in rows if r.system not in PAINT_NOTHING} for rows in (first, second)
    )
    names = sorted(set(a) & set(b))
    x, y = ([_better(side[n]) for n in names] for side in (a, b))
    flat = len(names) < _LEAST or len(set(x)) == 1 or len(set(y)) == 1
    told_apart, turned = 0, []
    for one, other in combinations(names, 2):
        orders = [ahead(s[one], s[other]) - ahead(s[other], s[one]) for s in (a, b)]
        told_apart += all(orders)
        if orders[0] * orders[1] < 0:
            turned.append((one, other) if orders[0] > 0 else (other, one))
    return Agreement(
        first=first[0].metric,
        second=second[0].metric,
        systems=len(names),
        kendall=None if flat else float(kendalltau(x, y).statistic),
        spearman=None if flat else float(spearmanr(x, y).statistic),
        told_apart=told_apart,
        reversed=tuple(turned),
    )


def _better(row: Standing) -> float:
    return row.value if row.direction == "higher" else -row.value


def write(results: Path, study: str = STUDY) -> Path | None:
    """Write `measures/` into a folder of results; returns it, or None where the study has no scores
    of three systems there."""
    import pandas as pd

    by_task = boards(results, study)
    if not by_task:
        return None
    out = results / FOLDER
    out.mkdir(exist_ok=True)
    values, agreements, text = [], [], [_HEAD.format(study=study)]
    for task, measures in by_task.items():
        found = [compare(*pair) for pair in combinations(measures.values(), 2)]
        values += [_value(row) for rows in measures.values() for row in rows]
        agreements += [_agreement(task, one) for one in found]
        text.append(_section(task, measures, found))
    pd.DataFrame(values).to_csv(out / "measures.csv", index=False, float_format="%.6g")
    pd.DataFrame(agreements).to_csv(out / "agreement.csv", index=False, float_format="%.6g")
    write_text(out / "README.md", "\n".join(text))
    return out


def boards(results: Path, study: str = STUDY) -> dict[str, dict[str, list[Standing]]]:
    """By task and measure, the study's systems and those brought on the same samples, ranked among
    themselves; measures of composited pictures, and of fewer than three systems, are left out."""
    rows = read_all(results)
    own_boards = {row.board for row in rows if row.folder == study}
    found: dict[str, dict[str, list[Standing]]] = {}
    for row in rows:
        if (row.folder == study or (row.brought and row.board in own_boards)) and (
            not row.metric.endswith("/composited")
        ):
            found.setdefault(row.task, {}).setdefault(row.metric, []).append(row)
    return {
        task: {
            metric: ranked(own)
            for metric, own in measures.items()
            if sum(row.system not in PAINT_NOTHING for row in own) >= _LEAST
        }
        for task, measures in sorted(found.items(), reverse=True)
    }


def _value(row: Standing) -> dict[str, object]:
    names = ("data", "task", "manifest", "metric", "direction", "backbone", "system")
    kept = {name: getattr(row, name) for name in (*names, "value", "low", "high", "n")}
    if row.low == float("-inf"):
        kept |= {"low": None, "high": None}
    return kept | {"rank_first": row.first or None, "rank_last": row.last or None}


def _agreement(task: str, one: Agreement) -> dict[str, object]:
    kept = {k: v for k, v in vars(one).items() if k != "reversed"}
    return {"task": task, **kept, "ordered_alike": one.told_apart - len(one.reversed)}


def _section(task: str, measures: dict[str, list[Standing]], found: Sequence[Agreement]) -> str:
    lead = measures.get(FIRST) or next(iter(measures.values()))
    systems = [row.system for row in lead if row.rank] + [r.system for r in lead if not r.rank]
    against = {one.second: one for one in found if one.first == lead[0].metric}
    head = ["measure", *systems, f"tau-b with {lead[0].metric}", "ordered alike"]
    lines = [f"## {task}\n", _row(head), _row(["---"] * len(head))]
    for metric, rows in measures.items():
        by = {row.system: row for row in rows}
        arrow = "↑" if rows[0].direction == "higher" else "↓"
        cells = [_cell(by[s]) if s in by else "-" for s in systems]
        one = against.get(metric)
        agreed = ["", ""]
        if one:
            agreed = [
                "-" if one.kendall is None else f"{one.kendall:+.2f}",
                f"{one.told_apart - len(one.reversed)} of {one.told_apart}",
            ]
        lines.append(_row([f"{metric} {arrow}", *cells, *agreed]))
    lines.append("\n### Who changes places\n")
    turned = [one for one in against.values() if one.reversed]
    lines += [
        f"- {one.second} puts "
        + "; ".join(f"{b} before {a}" for a, b in one.reversed)
        + f", whom {one.first} puts the other way round."
        for one in turned
    ]
    if not turned:
        lines.append(f"- No measure that tells two systems apart turns their order by {FIRST}.")
    return "\n".join(lines) + "\n"


def _cell(row: Standing) -> str:
    _, _, value, *_ = cells_of(row)
    if not row.rank:
        return value
    return f"{value} ({row.first if row.first == row.last else f'{row.first}-{row.last}'})"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


_HEAD = """# Does the ranking depend on the measure?

Written by `dreamtext benchmark leaderboard` from the scores of the study `{study}`; a test writes
it again and compares. A number is a value, and behind it the span of its rank: 1-3 means that
intervals overlap, so that the place among three cannot be told. Values without a rank paint no word
and stand there for scale. `tau-b` is Kendall's rank correlation of the values over all ranked
systems; `ordered alike` counts only pairs of systems that both measures tell apart, and says how
many of those both put in the same order. All pairs of measures stand in `agreement.csv`, with
Spearman's rho, all values with their intervals in `measures.csv`.
"""
