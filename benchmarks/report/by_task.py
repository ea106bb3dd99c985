"""Of a study with many tasks, a table with a column each: what is looked for before the tables of
the single tasks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.report import ceiling, gaps, numbers
from benchmarks.report.panels import ALL
from benchmarks.report.record import Record
from benchmarks.report.render import Table
from benchmarks.study import Study

if TYPE_CHECKING:
    import pandas as pd

FEW = 2  # tasks that are read one after the other without it
METRICS = ("SeqAcc/raw", "mIoU")


def table(study: Study, record: Record, summary: "pd.DataFrame", metric: str) -> Table | None:
    """A row a variant that has been begun, one of the real pictures; None without a value."""
    import pandas as pd

    here = summary[summary.block == ALL.name]
    tasks = [b.name for b in study.benchmarks]
    own = {(r.variant, r.task): r for r in here[here.metric == metric].itertuples()}
    if metric not in study.metrics or not any(r.value == r.value for r in own.values()):
        return None
    waiting = {(name, task) for task in tasks for name in gaps.not_run(record, task)}
    planned = record.runs.groupby(["variant", "task"]).planned.first().to_dict()
    begun = [key for key in planned if key not in waiting]
    grid = {
        variant.name: [
            numbers.value(own.get((variant.name, task)), planned[variant.name, task])
            if (variant.name, task) in begun
            else ""
            for task in tasks
        ]
        for variant in study.variants
        if any(name == variant.name for name, _ in begun)
    }
    real = here[(here.metric == ceiling.metric(metric)) & here.value.notna()]
    real = real.groupby("task").value.first()
    if len(real):
        grid[ceiling.REAL] = [numbers.plain(real[t]) if t in real else "" for t in tasks]
    frame = pd.DataFrame.from_dict(grid, orient="index", columns=short(tasks))
    frame.index.name = "variant"
    caption = f"{metric} on every task. Empty: not run. The tables of each task stand below."
    return Table(f"By task: {metric}", caption, frame, notes=_other_samples(study, here))


def _other_samples(study: Study, here: "pd.DataFrame") -> tuple[str, ...]:
    """The tasks in which variants have other samples than the reference, so that a column holds
    what does not compare."""
    return tuple(
        f"{task}: {', '.join(others)} on other samples than {study.reference}, so these values do "
        "not compare."
        for task, own in here.groupby("task", sort=False)
        if (others := gaps.other_samples(own, study.reference))
    )


def short(tasks: Sequence[str]) -> list[str]:
    """Tasks' names without what all of them begin with: `rotation 1` beside `reconstruction`."""
    first = tasks[0].split(",")[0]
    alike = all(task.split(",")[0] == first for task in tasks)
    return [task.removeprefix(f"{first}, ") if alike else task for task in tasks]
