"""The leaderboard: one HTML page over studies and brought folders, readable without a network."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.exchange.standings import Standing, read
from benchmarks.report import site
from benchmarks.report.page import LEADERBOARD

FIRST = "SeqAcc/raw"  # the metric that is shown first
FILTERS = ("data", "task", "metric", "licence", "source")
_HEAD = (
    "rank",
    "system",
    "value",
    "95 % interval",
    "n",
    "licence",
    "source",
    "not told apart from",
)
_NAMED = 4  # more systems than these are counted, not named


def write(results: Path) -> Path:
    """The page of all that a folder of results holds; returns its path.

    Raises:
        UserError: there are no scores.
    """
    path = results / LEADERBOARD
    write_page(path, read(results), FIRST)
    return path


def write_page(path: Path, rows: Sequence[Standing], metric: str) -> None:
    """A page of rows, `metric` being shown first; the others are a choice away."""
    site.write(
        "leaderboard.html.j2",
        path,
        head=_HEAD,
        filters={name: sorted({getattr(row, name) for row in rows}) for name in FILTERS},
        chosen={"metric": metric},
        boards=[_board(list(board)) for _, board in groupby(rows, key=lambda row: row.board)],
    )


def _board(rows: Sequence[Standing]) -> dict[str, Any]:
    first = rows[0]
    about = (f"{first.direction} is better", first.backbone, f"manifest {first.manifest}")
    return {
        **{name: getattr(first, name) for name in ("metric", "task", "data")},
        "about": "; ".join(filter(None, about)),
        "rows": [(row, cells_of(row)) for row in rows],
    }


def cells_of(row: Standing) -> list[str]:
    """A row as text, in the order of the page's columns."""
    digits = 3 if abs(row.value) < 10 else 1
    known = row.low > float("-inf")
    interval = f"{row.low:.{digits}f} to {row.high:.{digits}f}" if known else "none"
    near = "everyone" if row.first and not known else _few(row.overlaps)
    value = f"{row.value:.{digits}f}"
    return [row.rank, row.system, value, interval, str(row.n), row.licence, row.source, near]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} others"


def text(rows: Sequence[Standing]) -> str:
    """The same as plain text for a terminal."""
    parts = []
    for _, group in groupby(rows, key=lambda row: row.board):
        board = list(group)
        first = board[0]
        parts.append(f"{first.metric}, {first.task}, {first.data} (manifest {first.manifest})")
        for row in board:
            rank, system, value, interval, n, licence, source, _ = cells_of(row)
            parts.append(
                f"  {rank or '-':>10}  {system:28} {value:>8}  {interval:18} n {n:>5}  "
                f"{source}; licence: {licence}"
            )
    return "\n".join(parts)
