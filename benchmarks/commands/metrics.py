"""`dreamtext metrics`: what is measured, and how."""

import typer

from benchmarks.commands.printing import print_table


def metrics() -> None:
    """List every metric: which way is better, its unit, what it reads, where its interval comes
    from, its version, and the libraries it agrees with."""
    from rich.table import Table

    from benchmarks.metrics.registry import DEFAULT_METRICS, registered

    rows: dict[str, list[str]] = {}
    sources: dict[str, list[str]] = {}
    for name, metric in registered().items():
        stem = name.split("/")[0]
        sources.setdefault(stem, []).append(metric.reads)
        rows.setdefault(
            stem,
            [
                "yes" if name in DEFAULT_METRICS else "",
                f"{metric.direction}, {metric.unit}",
                metric.view,
                metric.interval,
                str(metric.version),
                ", ".join(metric.agrees_with),
            ],
        )
    head = ("better, unit", "view", "95 % interval", "version", "agrees with")
    table = Table("metric", "reads", "default", *head)
    for stem, (default, *said) in rows.items():
        table.add_row(stem, ", ".join(sources[stem]), default, *said)
    print_table(table)


def register(app: typer.Typer) -> None:
    """Add the command to `dreamtext`."""
    app.command()(metrics)
