"""One table, four renderings: Markdown, CSV, LaTeX with booktabs, HTML."""

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

_IN_LATEX = {
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "Δ": r"$\Delta$",
    "~": r"\textasciitilde ",
    "^": r"\textasciicircum ",
}
_FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%" + "\n"


@dataclass(frozen=True)
class Table:
    """A table as people read it.

    Attributes:
        frame: text by row label and column header, one or two levels each.
        bold: (row, column) places that stand out.
        notes: what a reader of its numbers must know.
    """

    title: str
    caption: str
    frame: "pd.DataFrame"
    bold: frozenset[tuple[int, int]] = frozenset()
    notes: tuple[str, ...] = ()


def markdown(table: Table) -> str:
    """Heading, caption, table and notes."""
    frame = table.frame
    head = [*(str(name or "") for name in frame.index.names), *map(_flat, frame.columns)]
    lines = [head, ["---"] * len(head)]
    last: tuple[str, ...] = ()
    for place, (label, row) in enumerate(zip(frame.index, frame.to_numpy(), strict=True)):
        labels = label if isinstance(label, tuple) else (label,)
        shown = ["" if labels[:-1] == last[:-1] and i < len(labels) - 1 else text
                 for i, text in enumerate(labels)]  # fmt: skip
        last = labels
        cells = [
            f"**{text}**" if (place, column) in table.bold else text
            for column, text in enumerate(row)
        ]
        lines.append([*shown, *cells])
    text = "\n".join("| " + " | ".join(map(_piped, line)) + " |" for line in lines)
    notes = "".join(f"- {note}\n" for note in table.notes)
    return f"## {table.title}\n\n{table.caption}\n\n{text}\n" + (f"\n{notes}" if notes else "")


def csv(table: Table) -> str:
    """The table as text; two levels of a header are joined."""
    frame = table.frame.copy()
    frame.columns = [_flat(column) for column in frame.columns]
    return frame.to_csv()


def latex(table: Table, label: str) -> str:
    """A `table` environment, made smaller where it is wider than the text; the document needs
    `booktabs` and `graphicx`."""
    style = _styled(table).format(_escaped).hide(names=True)
    for axis in (0, 1):
        style = style.format_index(_escaped, axis=axis)
    text = style.to_latex(
        hrules=True,
        convert_css=True,
        column_format="l" * (table.frame.index.nlevels + table.frame.shape[1]),
        caption=_escaped(f"{table.title}. {table.caption}"),
        label=f"tab:{slug(label)}",
        position="t",
        position_float="centering",
        multicol_align="l",
        multirow_align="naive",
    )
    fitted = text.replace(r"\begin{tabular}", _FIT + r"\begin{tabular}")
    fitted = fitted.replace(r"\end{tabular}", r"\end{tabular}}")
    notes = (r"\usepackage{booktabs,graphicx} in the preamble", *table.notes)
    return "".join(f"% {note}\n" for note in notes) + fitted


def html(table: Table) -> str:
    """A heading, the table and its notes; no style of its own beyond bold."""
    style = _styled(table).format(escape="html").hide(names=True)
    for axis in (0, 1):
        style = style.format_index(escape="html", axis=axis)
    body = style.to_html(table_uuid=slug(table.title), sparse_index=False)
    notes = "".join(f"<li>{_coded(note)}</li>" for note in table.notes)
    return (
        f"<section><h2>{_coded(table.title)}</h2>\n<p>{_coded(table.caption)}</p>\n{body}"
        + (f"<ul>{notes}</ul>" if notes else "")
        + "</section>\n"
    )


def slug(text: str) -> str:
    """A title as part of a file's or an element's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _styled(table: Table) -> "Styler":
    import numpy as np

    frame = table.frame
    weights = np.full(frame.shape, "", dtype=object)
    for row, column in table.bold:
        weights[row, column] = "font-weight: bold"
    return frame.style.apply(lambda _: weights, axis=None)


def _flat(column: object) -> str:
    if isinstance(column, tuple):
        metric, part = column
        return f"{part} ({metric})" if part.startswith("Δ") else str(metric)
    return str(column)


def _piped(text: object) -> str:
    return str(text).replace("|", r"\|")


def _coded(text: str) -> str:
    return re.sub(r"`(.+?)`", r"<code>\1</code>", escape(text, quote=False))


def _escaped(text: object) -> str:
    plain = re.sub(r"[&%$#_{}]", r"\\\g<0>", str(text).replace("\\", r"\textbackslash "))
    plain = re.sub(r"`(.+?)`", r"\\texttt{\1}", plain)
    plain = re.sub(r"(?<![\w])-(?=\d)", "$-$", plain)
    for sign, command in _IN_LATEX.items():
        plain = plain.replace(sign, command)
    return plain
