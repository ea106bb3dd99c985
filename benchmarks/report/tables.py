"""The tables of a study, defined once: what stands in which row and column, and what is said of it.

`benchmarks.report.render` turns them into Markdown, CSV, LaTeX and HTML.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.report import contrasts, published
from benchmarks.report.panels import ALL
from benchmarks.report.record import Record
from benchmarks.report.render import Table
from benchmarks.report.summary import Scores
from benchmarks.study import Study

if TYPE_CHECKING:
    import pandas as pd

_ARROWS = {"higher": "↑", "lower": "↓"}
VALUE = "value"
REAL = "real pictures"  # what the same measure gives for them: a ceiling, or a floor


def main_table(study: Study, scores: Scores, summary: "pd.DataFrame", task: str) -> Table:
    """A task's table: a row a variant, one of the real pictures, and what was published of the same
    systems; a value and its difference to the reference a metric."""
    import pandas as pd

    here = summary[(summary.task == task) & (summary.block == ALL.name)]
    metrics, left_out = _shown(study, scores.record, here)
    by_key = {(r.variant, r.metric): r for r in here.itertuples()}
    differs = {m for m in metrics if here[here.metric == m].difference.notna().any()}
    columns = [
        (f"{m} {_ARROWS[here[here.metric == m].direction.iloc[0]]}", part)
        for m in metrics
        for part in ([VALUE, f"Δ {study.reference}"] if m in differs else [VALUE])
    ]
    places = {m: [c for c, _ in columns].index(_headed(m, columns)) for m in metrics}
    rows, labels = [], []
    for variant in study.variants:
        cells = [""] * len(columns)
        for metric in metrics:
            found = by_key.get((variant.name, metric))
            cells[places[metric]] = _value(found, scores.planned(variant.name, task))
            if metric in differs:
                cells[places[metric] + 1] = _difference(found)
        labels.append(variant.name)
        rows.append(cells)
    ceilings = {m: here[here.metric == _ceiling_of(m)].value.dropna() for m in metrics}
    if any(len(found) for found in ceilings.values()):
        cells = [""] * len(columns)
        for metric, found in ceilings.items():
            cells[places[metric]] = _number(found.iloc[0]) if len(found) else ""
        labels.append(REAL)
        rows.append(cells)
    notes = list(left_out)
    manifests = here.groupby("variant", sort=False).manifest.first()
    for name, manifest in manifests.items():
        if manifest != manifests.get(study.reference, manifest):
            notes.append(f"{name} was scored on other samples (manifest {manifest}): no Δ.")
    for number, known in enumerate(published.rows(study, task), 1):
        cells = [""] * len(columns)
        for metric, value in known.values.items():
            shown = "SeqAcc/raw" if metric not in metrics and left_out else metric
            if shown in places:
                cells[places[shown]] = f"{value:g}"
        if any(cells):
            labels.append(f"{known.system}, published [{number}]")
            rows.append(cells)
            notes.append(f"[{number}] {known.dataset}. {known.source}. Other judge, other samples.")
    bold = set()
    for metric in metrics:
        best, tied = leader(study, scores, task, metric)
        if best and not tied:
            bold.add((labels.index(best), places[metric]))
        elif best:
            notes.append(f"{metric}: {best} leads, not told apart from {', '.join(tied)}.")
    frame = pd.DataFrame(
        rows,
        index=pd.Index(labels, name="variant"),
        columns=pd.MultiIndex.from_tuples(columns),
    )
    backbones = here[here.metric.isin(metrics)].groupby("metric", sort=False).backbone.first()
    notes.append("Measured by " + "; ".join(f"{m}: {b}" for m, b in backbones.items() if b) + ".")
    return Table(task, _caption(study, scores, task), frame, frozenset(bold), tuple(notes))


def block_table(study: Study, scores: Scores, summary: "pd.DataFrame", task: str) -> Table | None:
    """A task's scores in seen and unseen fonts, and of words and random strings; None where the
    samples do not tell."""
    import pandas as pd

    here = summary[(summary.task == task) & (summary.block != ALL.name) & summary.value.notna()]
    metrics = [m for m in _shown(study, scores.record, here)[0] if m in set(here.metric)]
    if here.empty or not metrics:
        return None
    labels, rows = [], []
    for (block, variant), own in here.groupby(["block", "variant"], sort=False):
        found = {r.metric: r for r in own.itertuples()}
        labels.append((block, variant))
        rows.append([_value(found.get(m), 0) if m in found else "" for m in metrics])
    counts = here.groupby("block", sort=False).n.max()
    frame = pd.DataFrame(
        rows,
        index=pd.MultiIndex.from_tuples(labels, names=["samples", "variant"]),
        columns=[f"{m} {_ARROWS[here[here.metric == m].direction.iloc[0]]}" for m in metrics],
    )
    caption = "; ".join(f"{block}: {int(n)} images" for block, n in counts.items()) + "."
    return Table(f"{task}, by font and word", caption, frame)


def leader(
    study: Study, scores: Scores, task: str, metric: str
) -> tuple[str | None, tuple[str, ...]]:
    """The variant with the best value, and those that are not told apart from it.

    References are left out: they are ceilings and floors. (None, ()) where nothing may be said:
    of a number of whole sets, of one seed, or of fewer than two values.
    """
    from baselines.catalogue import entries

    references = {e.name for e in entries().values() if e.kind == "reference"}
    fixed = {v.name for v in study.variants if v.system != "dreamtext"}
    values = {
        v.name: scores.score(v.name, task, metric)
        for v in study.variants
        if v.system not in references and metric in scores.metrics(v.name, task)
    }
    values = {name: row for name, row in values.items() if row["value"] == row["value"]}
    if len(values) < 2 or metric not in scores.record.metrics:
        return None, ()
    sign = 1 if next(iter(values.values()))["direction"] == "higher" else -1
    best = max(values, key=lambda name: sign * values[name]["value"])
    tied = []
    for name in values:
        if name == best:
            continue
        if len(study.seeds) < 2 and not {best, name} <= fixed:
            return None, ()  # images of one trained model say nothing of another's
        found = scores.difference(best, name, task, metric)
        if found is None:
            return None, ()
        if found.low <= 0 <= found.high:
            tied.append(name)
    return best, tuple(tied)


def contrast_table(tested: "pd.DataFrame") -> Table:
    """The declared contrasts, the primary one first and in words."""
    import pandas as pd

    rows = [
        [
            row.metric,
            row.task,
            "-" if row.value != row.value else _signed(row.value, row.low, row.high),
            "-" if row.value != row.value else f"{row.p:.2g}",
            "-" if row.value != row.value else f"{row.p_holm:.2g}",
        ]
        for row in tested.itertuples()
    ]
    labels = [f"{r.variant} - {r.against} ({r.role})" for r in tested.itertuples()]
    head = ["metric", "task", "difference [95 %]", "p", "p (Holm)"]
    frame = pd.DataFrame(rows, index=pd.Index(labels, name="contrast"), columns=head)
    first = tested.iloc[0]
    lead = "Primary contrast. " if first.role == "primary" else "No primary contrast is declared. "
    return Table("Declared contrasts", lead + contrasts.sentence(first), frame)


def all_tables(study: Study, record: Record, summary: "pd.DataFrame") -> list[Table]:
    """Every table of a study, in the order they are read."""
    tables, scores = [], Scores(record)
    if study.contrasts:
        tables.append(contrast_table(contrasts.test(study, scores)))
    for benchmark in study.benchmarks:
        tables.append(main_table(study, scores, summary, benchmark.name))
        if by_block := block_table(study, scores, summary, benchmark.name):
            tables.append(by_block)
    return tables


def _shown(study: Study, record: Record, here: "pd.DataFrame") -> tuple[list[str], list[str]]:
    """The study's metrics that have a value, and a note on one left out: SeqAcc in lower case
    where every sample's is SeqAcc itself, as of capitals alone."""
    measured = set(here[here.value.notna()].metric)
    metrics = [m for m in study.metrics if m in measured]
    strict, folded = "SeqAcc/raw", "SeqAcc-ci/raw"
    if {strict, folded} <= set(metrics):
        tasks = record.images[record.images.task.isin(here.task)]
        if tasks[strict].equals(tasks[folded]):
            metrics.remove(folded)
            return metrics, [f"{folded} is the same as {strict} on every sample, and left out."]
    return metrics, []


def _headed(metric: str, columns: Sequence[tuple[str, str]]) -> str:
    return next(head for head, _ in columns if head[:-2] == metric)


def _ceiling_of(metric: str) -> str:
    return "mIoU-ceiling" if metric == "mIoU" else metric.replace("/raw", "/truth")


def _caption(study: Study, scores: Scores, task: str) -> str:
    counts = scores.panels.counts(task)
    known = [f"{n} {what}" for what, n in counts.items() if n is not None]
    if counts.get("photographs") is None:
        known.append("photographs unknown")
    seeds = len(study.seeds)
    return f"{', '.join(known)}; {seeds} seed{'s' if seeds > 1 else ''}."


def _value(found, planned: int) -> str:
    if found is None:
        return f"- (0/{planned} seeds)" if planned else "-"
    if found.value != found.value:
        lacking = found.seeds < found.planned and not found.reason
        return f"- ({found.seeds}/{found.planned} seeds)" if lacking else "-"
    digits = 3 if abs(found.value) < 10 else 1
    return f"{found.value:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def _difference(found) -> str:
    if found is None or found.difference != found.difference:
        return ""
    return _signed(found.difference, found.difference_low, found.difference_high)


def _signed(value: float, low: float, high: float) -> str:
    digits = 3 if max(abs(low), abs(high)) < 10 else 1
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
