"""Tables as the commands print them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def print_table(table: "Table") -> None:
    """Print a table whose first column names things: a narrow terminal wraps the other columns,
    and a file or a pipe gets every line whole."""
    from rich.console import Console

    console = Console()
    if table.columns:
        table.columns[0].no_wrap = True
    if not console.is_terminal:
        unlimited = console.options.update(width=10_000)
        console.width = console.measure(table, options=unlimited).maximum
    console.print(table)
