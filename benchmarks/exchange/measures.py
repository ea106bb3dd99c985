"""Does the ranking depend on the measure? All systems of one board, ranked by every measure, and
how far any two measures agree; shown are a study's own, brought ones and the models of results/.

`results/measures/`:

    README.md        the systems' ranks by measure, and who changes places with whom
    measures.csv     a row a task, measure and system: value, interval, span of its rank
    agreement.csv    a row a task and pair of measures: Kendall's tau-b and Spearman's rho of the
                     values, and of the pairs of systems that both tell apart the share that they
                     order alike
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from benchmarks.exchange.leaderboard import FIRST, cells_of
from benchmarks.exchange.standings import (
    PAINT_NOTHING,
    Standing,
    ahead,
    distinct,
    ranked,
    read_all,
)
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
    shown = {row.system for row in read_all(results) if row.folder == study or row.alone}
    out = results / FOLDER
    out.mkdir(exist_ok=True)
    values, agreements, text = [], [], [_HEAD.format(study=study, first=FIRST)]
    for task, measures in by_task.items():
        found = [compare(*pair) for pair in combinations(measures.values(), 2)]
        values += [_value(row) for rows in measures.values() for row in rows]
        agreements += [_agreement(task, one) for one in found]
        text.append(_section(task, measures, found, shown))
    pd.DataFrame(values).to_csv(out / "measures.csv", index=False, float_format="%.6g")
    pd.DataFrame(agreements).to_csv(out / "agreement.csv", index=False, float_format="%.6g")
    write_text(out / "README.md", "\n".join(text))
    return out


def boards(results: Path, study: str = STUDY) -> dict[str, dict[str, list[Standing]]]:
    """By task and measure, the study's systems and all others on the same samples, ranked among
    themselves; measures of composited pictures, and of fewer than three systems, are left out.

    Another study's variant that shares a run with one of this study's is the same system.
    """
    rows = read_all(results)
    own: dict[tuple[str, ...], list[Standing]] = {}
    others: dict[tuple[str, ...], list[Standing]] = {}
    for row in rows:
        side = own if row.folder == study else others
        side.setdefault(row.board, []).append(row)
    found: dict[str, dict[str, list[Standing]]] = {}
    for board, mine in own.items():
        first = mine[0]
        taken = frozenset().union(*(row.runs for row in mine))
        beside = [row for row in distinct(others.get(board, [])) if not row.runs & taken]
        rivals = [row for row in (*mine, *beside) if row.system not in PAINT_NOTHING]
        if len(rivals) >= _LEAST and not first.metric.endswith("/composited"):
            found.setdefault(first.task, {})[first.metric] = ranked([*mine, *beside])
    return dict(sorted(found.items(), reverse=True))


def _value(row: Standing) -> dict[str, object]:
    names = ("data", "task", "manifest", "metric", "direction", "backbone", "system")
    kept = {name: getattr(row, name) for name in (*names, "value", "low", "high", "n")}
    if row.low == float("-inf"):
        kept |= {"low": None, "high": None}
    return kept | {"rank_first": row.first or None, "rank_last": row.last or None}


def _agreement(task: str, one: Agreement) -> dict[str, object]:
    kept = {k: v for k, v in vars(one).items() if k != "reversed"}
    return {"task": task, **kept, "ordered_alike": one.told_apart - len(one.reversed)}


def _section(
    task: str,
    measures: dict[str, list[Standing]],
    found: Sequence[Agreement],
    shown: Collection[str],
) -> str:
    lead = measures.get(FIRST) or next(iter(measures.values()))
    named = [row for row in lead if row.system in shown]
    systems = [r.system for r in named if r.rank] + [r.system for r in named if not r.rank]
    against = {one.second: one for one in found if one.first == lead[0].metric}
    head = ["measure", *systems, f"tau-b with {lead[0].metric}", "ordered alike"]
    ranks = f"Ranks are among up to {lead[0].rivals} systems, those of other studies included.\n"
    lines = [f"## {task}\n", ranks, _row(head), _row(["---"] * len(head))]
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
    turned = {one: _turned(one, shown) for one in against.values() if one.reversed}
    lines += [f"- {one.second}: {said}." for one, said in turned.items()]
    if not turned:
        lines.append(f"- No measure turns the order of two systems that {FIRST} tells apart too.")
    return "\n".join(lines) + "\n"


def _turned(one: Agreement, shown: Collection[str]) -> str:
    """The pairs that the second measure orders the other way round, in words."""
    told = [f"{b} before {a}" for a, b in one.reversed if {a, b} <= set(shown)]
    rest = len(one.reversed) - len(told)
    return "; ".join(told + ([f"{rest} pairs of other studies' systems"] if rest else []))


def _cell(row: Standing) -> str:
    _, _, value, *_ = cells_of(row)
    if not row.rank:
        return value
    return f"{value} ({row.first if row.first == row.last else f'{row.first}-{row.last}'})"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


_HEAD = """# Does the ranking depend on the measure?

Written by `dreamtext study index` from the scores of the study `{study}` and of all other systems
on the same samples; a test writes it again and compares. A number is a value, and behind it the
span of its rank: 1-3 means that intervals overlap, so that the place among three cannot be told.
Values without a rank paint no word and stand there for scale. `tau-b` is Kendall's rank correlation
of the values over all ranked systems; `ordered alike` counts only pairs of systems that both
measures tell apart, and says how many of those both put in the same order. Who changes places is
told against {first}, of such pairs alone. All pairs of measures stand in `agreement.csv`, with
Spearman's rho and the number of systems, all values with their intervals in `measures.csv`.
"""
