"""The tables of a study, defined once: what stands in which row and column, and what is said of it.

`benchmarks.report.render` turns them into Markdown, CSV, LaTeX and HTML.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.report import (
    by_task,
    ceiling,
    computed,
    contrasts,
    gaps,
    numbers,
    one_judge,
    published,
)
from benchmarks.report.panels import ALL
from benchmarks.report.record import Record
from benchmarks.report.render import Table
from benchmarks.report.summary import Scores, scores_of
from benchmarks.study import Study

if TYPE_CHECKING:
    import pandas as pd

_ARROWS = {"higher": "↑", "lower": "↓"}
VALUE = "value"
STRICT, FOLDED = "SeqAcc/raw", "SeqAcc-ci/raw"
EITHER = "SeqAcc-either/"


# A task's metrics come in three tables, so that each fits a page; by the beginning of their names.
FAMILIES = {
    "reading": ("SeqAcc", "judges", "NED", "CER", "text-"),
    "masks": ("mIoU", "mask-", "attention-"),
    "pictures": ("",),  # all others
}


def main_table(
    study: Study, scores: Scores, summary: "pd.DataFrame", task: str, family: str
) -> Table | None:
    """A table of one task: a row a variant, one of the real pictures, and what was published of the
    same systems; a value and its difference to the reference a metric. None without a value."""
    import pandas as pd

    here = summary[(summary.task == task) & (summary.block == ALL.name)]
    metrics, notes = _shown(study, scores.record, here, family)
    if not metrics:
        return None
    heads = {m: f"{m} {_ARROWS[here[here.metric == m].direction.iloc[0]]}" for m in metrics}
    differs = {m for m in metrics if here[here.metric == m].difference.notna().any()}
    columns = [
        (heads[m], part)
        for m in metrics
        for part in ([VALUE, f"Δ {study.reference}"] if m in differs else [VALUE])
    ]
    by_key = {(r.variant, r.metric): r for r in here.itertuples()}
    grid: dict[str, dict[tuple[str, str], str]] = {}
    waiting = gaps.not_run(scores.record, task)  # told once, below the table
    for variant in study.variants:
        if variant.name in waiting:
            continue
        own = grid[variant.name] = {}
        for metric in metrics:
            found = by_key.get((variant.name, metric))
            own[heads[metric], VALUE] = numbers.value(found, scores.planned(variant.name, task))
            own[heads[metric], f"Δ {study.reference}"] = numbers.difference(found)
    for metric in metrics:
        real = here[here.metric == ceiling.metric(metric)].value.dropna()
        if len(real):
            grid.setdefault(ceiling.REAL, {})[heads[metric], VALUE] = numbers.plain(real.iloc[0])
    notes += [
        f"{name} was scored on other samples (manifest {manifest}): no Δ."
        for name, manifest in gaps.other_samples(here, study.reference).items()
    ]
    notes += [f"Not run yet: {', '.join(waiting)}."] if waiting else []
    runs = scores.record.runs
    if mixed := computed.note(runs[runs.task == task]):
        notes.append(mixed)
    for number, known in enumerate(published.rows(study, task), 1):
        if stated := _as_shown(known, metrics):
            for label, texts in _published(known, number, stated, by_key):
                grid[label] = {(heads[m], VALUE): text for m, text in texts.items()}
            notes.append(_source(known, number))
    labels, bold = list(grid), set()
    for metric in metrics:
        best, tied = leader(study, scores, task, metric)
        if best and not tied:
            bold.add((labels.index(best), columns.index((heads[metric], VALUE))))
        elif best:
            notes.append(f"{metric}: {best} leads, not told apart from {', '.join(tied)}.")
    frame = pd.DataFrame(
        [[grid[label].get(column, "") for column in columns] for label in labels],
        index=pd.Index(labels, name="variant"),
        columns=pd.MultiIndex.from_tuples(columns),
    )
    named = here[here.metric.isin(metrics) & (here.backbone != "")]
    backbones = named.groupby("metric", sort=False).backbone.first()
    for source in (m.removeprefix(EITHER) for m in metrics if m.startswith(EITHER)):
        if alone := one_judge.note(study, scores.record, task, source):
            notes.append(alone)
    notes.append("Measured by " + "; ".join(f"{m}: {b}" for m, b in backbones.items()) + ".")
    caption = _caption(study, scores, task)
    return Table(f"{task}: {family}", caption, frame, frozenset(bold), tuple(notes))


def _as_shown(known: published.Row, metrics: Sequence[str]) -> dict[str, float]:
    """A published row's values of these metrics; where SeqAcc in lower case is left out, because
    it is SeqAcc itself, they stand beside that."""
    folded = FOLDED not in metrics and FOLDED in known.values
    values = {STRICT if m == FOLDED and folded else m: v for m, v in known.values.items()}
    return {m: v for m, v in values.items() if m in metrics}


def _published(
    known: published.Row, number: int, stated: Mapping[str, float], ours: Mapping[Any, Any]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Label and texts of a published row, and of a row a variant: ours minus what was published,
    with the interval that ours has."""
    yield f"{known.system}, published [{number}]", {m: f"{v:g}" for m, v in stated.items()}
    for variant in known.variants if known.alike else ():
        own = {m: ours[variant, m] for m in stated if (variant, m) in ours}
        differences = {
            m: numbers.signed(row.value - stated[m], row.low - stated[m], row.high - stated[m])
            for m, row in own.items()
            if row.value == row.value
        }
        if differences:
            yield f"{variant} - published [{number}]", differences


def _source(known: published.Row, number: int) -> str:
    """The note to a published row: where it was read, how sure that is, and what sets it apart."""
    compared = (
        "in a difference to it, the interval is that of our value alone"
        if known.alike
        else "another data set than ours, so no difference is given"
    )
    return f"[{number}] {known.dataset}. {known.source}. Other judge, other samples; {compared}."


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
        rows.append([numbers.value(found.get(m), 0) if m in found else "" for m in metrics])
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
    higher = next(iter(values.values()))["direction"] == "higher"
    best = (max if higher else min)(values, key=lambda name: values[name]["value"])
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
            "-" if row.value != row.value else numbers.signed(row.value, row.low, row.high),
            "-" if row.value != row.value else contrasts.told_p(row.p),
            "-" if row.value != row.value else contrasts.told_p(row.p_holm),
        ]
        for row in tested.itertuples()
    ]
    labels = pd.Series([f"{r.variant} - {r.against} ({r.role})" for r in tested.itertuples()])
    again = labels.duplicated(keep=False)  # the same two in several metrics or tasks
    labels[again] += " " + labels.groupby(labels).cumcount().add(1).astype(str)
    head = ["metric", "task", "difference [95 %]", "p", "p (Holm)"]
    frame = pd.DataFrame(rows, index=pd.Index(labels, name="contrast"), columns=head)
    first = tested.iloc[0]
    lead = "Primary contrast. " if first.role == "primary" else "No primary contrast is declared. "
    return Table("Declared contrasts", lead + contrasts.sentence(first), frame)


def all_tables(study: Study, record: Record, summary: "pd.DataFrame") -> list[Table]:
    """Every table of a study, in the order they are read."""
    tables, scores = [], scores_of(record)
    if study.contrasts:
        tables.append(contrast_table(contrasts.test(study, scores)))
    for metric in by_task.METRICS if len(study.benchmarks) > by_task.FEW else ():
        if across := by_task.table(study, record, summary, metric):
            tables.append(across)
    for benchmark in study.benchmarks:
        for family in FAMILIES:
            if table := main_table(study, scores, summary, benchmark.name, family):
                tables.append(table)
        if by_block := block_table(study, scores, summary, benchmark.name):
            tables.append(by_block)
    return tables


def _shown(
    study: Study, record: Record, here: "pd.DataFrame", family: str = ""
) -> tuple[list[str], list[str]]:
    """The study's metrics of a family (all without one) that have a value, and a note on one left
    out: SeqAcc in lower case where every sample's is SeqAcc itself, as of capitals alone."""
    measured = set(here[here.value.notna()].metric)
    metrics = [m for m in study.metrics if m in measured and family in ("", family_of(m))]
    if {STRICT, FOLDED} <= set(metrics):
        images = record.images[record.images.task.isin(here.task)]
        if images[STRICT].equals(images[FOLDED]):
            metrics.remove(FOLDED)
            return metrics, [f"{FOLDED} is the same as {STRICT} on every sample, and left out."]
    return metrics, []


def family_of(metric: str) -> str:
    """The table a metric stands in."""
    return next(name for name, starts in FAMILIES.items() if metric.startswith(starts))


def _caption(study: Study, scores: Scores, task: str) -> str:
    counts = scores.panels.counts(task)
    known = [f"{n} {what}" for what, n in counts.items() if n is not None]
    if counts.get("background sources") is None:
        known.append("background sources unknown")
    return f"{', '.join(known)}; {numbers.seeds(len(study.seeds))}."
