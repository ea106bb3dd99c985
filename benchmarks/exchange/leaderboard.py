"""The leaderboard: one HTML page over studies and brought folders, readable without a network."""

import html
from collections.abc import Sequence
from itertools import groupby

from benchmarks.exchange.standings import Standing

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
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;"
    "color:#222}table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-size:13px;width:100%}"
    "td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tr.unranked{color:#888}label{margin-right:1rem}h2{margin-bottom:0;font-size:1.1rem}"
    "p.about{color:#666;margin:0;font-size:13px}[hidden]{display:none}"
)
# Rows are hidden by the filters and sections left without rows with them; ranks do not change.
_SCRIPT = """
const filters = [...document.querySelectorAll('select')];
function apply() {
  for (const row of document.querySelectorAll('tbody tr'))
    row.hidden = filters.some(f => f.value && row.dataset[f.name] !== f.value);
  for (const board of document.querySelectorAll('section'))
    board.hidden = !board.querySelector('tbody tr:not([hidden])');
}
filters.forEach(f => f.addEventListener('change', apply));
apply();
"""


def page(rows: Sequence[Standing], metric: str) -> str:
    """The page, `metric` being shown first; the others are a choice away."""
    sections = "\n".join(
        _section(list(board)) for _, board in groupby(rows, key=lambda row: row.board)
    )
    choices = "\n".join(_choice(name, rows, metric if name == "metric" else "") for name in FILTERS)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>Leaderboard</h1>\n"
        "<p>Systems are ranked on the same samples, words and judge only. A rank is a span where "
        "intervals overlap: 2-4 means that one system is surely ahead and the next three cannot be "
        "told apart. Ranks are among all systems of a table, whatever is filtered. Grey rows paint "
        "no word and have no rank. Brought pictures were painted by others and scored here.</p>\n"
        f"<p>{choices}</p>\n{sections}\n<script>{_SCRIPT}</script></body></html>\n"
    )


def _choice(name: str, rows: Sequence[Standing], chosen: str) -> str:
    values = sorted({getattr(row, name) for row in rows})
    options = "".join(
        f'<option value="{html.escape(v)}"{" selected" * (v == chosen)}>{html.escape(v)}</option>'
        for v in values
    )
    first = '<option value="">all</option>'
    return f'<label>{name} <select name="{name}">{first}{options}</select></label>'


def _section(board: Sequence[Standing]) -> str:
    first = board[0]
    arrow = "higher is better" if first.direction == "higher" else "lower is better"
    about = [arrow, first.backbone, f"manifest {first.manifest}"]
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    return (
        f"<section><h2>{html.escape(f'{first.metric}, {first.task}, {first.data}')}</h2>"
        f'<p class="about">{html.escape("; ".join(filter(None, about)))}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, board))}</tbody></table>"
        "</section>"
    )


def _row(row: Standing) -> str:
    cells = cells_of(row)
    data = " ".join(f'data-{name}="{html.escape(getattr(row, name))}"' for name in FILTERS)
    kind = "" if row.rank else ' class="unranked"'
    shown = "".join(
        f"<td{' class=number' * (name in ('rank', 'value', '95 % interval', 'n'))}>"
        f"{html.escape(text)}</td>"
        for name, text in zip(_HEAD, cells, strict=True)
    )
    return f"<tr{kind} {data}>{shown}</tr>"


def cells_of(row: Standing) -> list[str]:
    """A row as text, in the order of the page's columns."""
    digits = 3 if abs(row.value) < 10 else 1
    known = row.low > float("-inf")
    interval = f"{row.low:.{digits}f} to {row.high:.{digits}f}" if known else "none"
    near = "everyone" if row.first and not known else ", ".join(row.overlaps)
    value = f"{row.value:.{digits}f}"
    return [row.rank, row.system, value, interval, str(row.n), row.licence, row.source, near]


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
