"""`dreamtext study plan|submit|sweep|retry|cancel`: studies on a cluster.

The commands only put together what `benchmarks.launch.tasks` (runs as tasks) and `slurm`
(tasks on a cluster) can do. None of them imports torch.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from benchmarks.commands.selection import (
    CellsOption,
    ClusterFile,
    ClusterSet,
    Out,
    RunsOption,
    Samples,
    Selection,
    Set,
    cluster_config,
    duration,
    root_of,
    selecting,
)
from benchmarks.commands.study import app, run_here, write_report

if TYPE_CHECKING:
    from benchmarks.launch.estimate import Plan
    from benchmarks.runs.folder import Run
    from slurm.config import ClusterConfig
    from slurm.submit import Sent
    from slurm.task import Task


@app.command()
@selecting
def plan(
    selection: Selection,
    cluster: ClusterFile = None,
    ask: ClusterSet = None,
    probe: Annotated[bool, typer.Option("--probe", help="Measure a few steps first")] = False,
    tflops: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Count the trainings' operations, at this rate of one GPU: its peak times what is "
            "used of it, such as 989 x 0.35",
        ),
    ] = None,
) -> None:
    """What of a study exists, what would run, for how long, and what it has cost so far."""
    from benchmarks.launch import estimate
    from benchmarks.launch.tasks import distinct_runs

    study, cells = selection.study, selection.cells
    if probe:
        estimate.probe(study, selection.root)
    found = estimate.plan(distinct_runs(cells), cluster_config(cluster, ask))
    typer.echo(
        f"{study.name}: {len(study.variants)} variants x {len(study.seeds)} seeds x "
        f"{len(study.benchmarks)} benchmarks = {len(cells)} cells, preset {study.preset}"
    )
    typer.echo(f"{'stage':8}{'done':>8}{'failed':>8}{'begun':>8}{'missing':>9}   each")
    for stage in found.stages:
        each = (
            "" if stage.seconds is None else f"{duration(stage.seconds)} (of {stage.measured} runs)"
        )
        if stage.seconds is None and stage.to_run:
            each = "not known"
        typer.echo(
            f"{stage.stage:8}{stage.done:8}{stage.failed:8}{stage.started:8}{stage.missing:9}"
            f"   {each}"
        )
    if kept := sum(cell.kept for cell in cells):
        typer.echo(f"{kept} of {len(cells)} cells are kept in {selection.store}")
    if not any(stage.to_run for stage in found.stages):
        failed = sum(stage.failed for stage in found.stages)
        typer.echo(f"nothing to run{f'; {failed} failed: see study failures' if failed else ''}")
    elif found.unknown:
        typer.echo(
            f"no past run tells how long {', '.join(found.unknown)} takes: measure with --probe"
        )
    else:
        typer.echo(
            f"about {found.run_hours:.2f} run-hours, {found.gpu_hours:.2f} GPU-hours; finished "
            f"about {duration(found.finish_s or 0)} after the jobs start"
        )
    if tflops:
        hours = estimate.counted_hours(distinct_runs(cells), tflops)
        typer.echo(f"trainings counted: {hours:.3g} GPU-hours at {tflops:g} TFLOP/s")
    _tell_disk(found, selection.root)
    if any(stage.spent.run_hours for stage in found.stages):
        for name, cost in estimate.spent_by_variant(cells).items():
            typer.echo(
                f"spent on {name}: {cost.run_hours:.2f} run-hours, {cost.gpu_hours:.2f} GPU-hours"
            )


@app.command()
@selecting
def submit(
    selection: Selection,
    on: Annotated[
        Literal["slurm", "local", "inline"],
        typer.Option(help="The cluster; this machine, side by side; or here, one by one"),
    ] = "slurm",
    out: Out = None,
    cluster: ClusterFile = None,
    ask: ClusterSet = None,
    parallel: Annotated[int, typer.Option(min=1, help="--on local: runs side by side")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the batch scripts")] = False,
) -> None:
    """Send all that is missing of a study, and its report after the last run. Once is enough:
    what is done, queued or running is not sent again."""
    from benchmarks.launch import tasks as grid
    from slurm import snapshot
    from slurm import submit as slurm_submit

    config = cluster_config(cluster, ask)
    todo = grid.distinct_runs(selection.cells)
    if not todo:
        typer.echo(f"nothing to submit: all {len(selection.cells)} cells are kept")
        return
    tasks = grid.tasks_in_shares(todo, config.resources("sample").shards)
    home = grid.home(selection.root)
    if dry_run:
        for text in slurm_submit.dry_run(
            tasks, home=home, name=selection.study.name, config=config
        ):
            typer.echo(text)
    elif on == "slurm":
        _send(selection, todo, config, out)
    elif on == "local":
        run_here(selection, out, parallel, snapshot.take(_project(), home / "snapshots"))
    else:
        _run_inline(selection, todo, grid.tasks(todo), out)


@app.command()
def sweep(
    axes: Annotated[
        list[str], typer.Argument(help="section.key=value,value: every combination is a variant")
    ],
    preset: Annotated[str, typer.Option(help="What the variants start from")] = "tiny",
    seeds: Annotated[int, typer.Option(help="How many seeds, from 0 on")] = 3,
    n: Samples = None,
    set_: Set = None,
    runs: RunsOption = None,
    cells: CellsOption = None,
    on: Annotated[
        Literal["slurm", "local", "inline"],
        typer.Option(help="The cluster; this machine, side by side; or here, one by one"),
    ] = "local",
    save: Annotated[Path | None, typer.Option(help="Keep the study file here")] = None,
    out: Out = None,
    cluster: ClusterFile = None,
    ask: ClusterSet = None,
    parallel: Annotated[int, typer.Option(min=1, help="--on local: runs side by side")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the batch scripts")] = False,
) -> None:
    """Every combination of some options' values, run and reported like any study."""
    from benchmarks.launch.tasks import home
    from benchmarks.study import sweep as sweeps

    text = sweeps.source(axes, preset, seeds)
    path, study = sweeps.write(text, home(root_of(runs)) / "sweeps", save)
    typer.echo(f"{len(study.variants)} variants x {seeds} seeds; the study file: {path}")
    submit(
        name=str(path),
        preset=None,
        seeds=None,
        n=n,
        where=None,
        set_=set_,
        runs=runs,
        kept=cells,
        on=on,
        out=out,
        cluster=cluster,
        ask=ask,
        parallel=parallel,
        dry_run=dry_run,
    )


@app.command()
@selecting
def retry(
    selection: Selection,
    failed: Annotated[bool, typer.Option("--failed", help="Runs that failed")] = False,
    more_memory: Annotated[
        float | None,
        typer.Option(help="Factor of memory for runs that were out of it, such as 2"),
    ] = None,
    out: Out = None,
    cluster: ClusterFile = None,
    ask: ClusterSet = None,
) -> None:
    """Send failed runs again, and what waits for them."""
    from benchmarks.launch import tasks as grid
    from dreamtext.errors import UserError
    from slurm.attempts import clear_failure
    from slurm.failures import out_of_memory

    if not failed:
        raise UserError("say what to send again: study retry NAME --failed")
    config = cluster_config(cluster, ask)
    todo = grid.distinct_runs(selection.cells)
    tasks = grid.tasks_in_shares(todo, 1)
    again = [task for task in tasks if task.failed and not task.done]
    if not again:
        typer.echo("no run has failed")
        return
    memory = {}
    if more_memory is not None:
        for task in filter(out_of_memory, again):
            asked = config.resources(task.stage).mem_gb
            if not asked:
                raise UserError(
                    f"--more-memory multiplies what stage '{task.stage}' asks for, and that is "
                    f"nothing: give it with --ask {task.stage}.mem_gb=16"
                )
            memory[task.folder] = asked * more_memory
    for task in again:
        clear_failure(task.folder)
    _send(selection, todo, config, out, memory)


@app.command()
@selecting
def cancel(
    selection: Selection,
) -> None:
    """Take a study's runs from the queue. What they have done stays; `submit` goes on from it."""
    from benchmarks.launch.tasks import home
    from slurm.submit import cancel as take_away

    count = take_away(selection.outline.tasks, home(selection.root))
    typer.echo(f"{count} runs cancelled")


# --- parts --------------------------------------------------------------------------------------


def _send(
    selection: Selection,
    runs: "list[Run]",
    config: "ClusterConfig",
    out: Path | None,
    mem_gb: dict[str, float] | None = None,
) -> None:
    """Submit to SLURM what is missing of the runs, and the report behind it."""
    from benchmarks.launch import estimate
    from benchmarks.launch import tasks as grid
    from benchmarks.launch.preflight import refuse_uneven_batches
    from slurm.submit import make_folder, submit

    refuse_uneven_batches((run for run in runs if run.state != "done"), config)
    _tell_disk(estimate.plan(runs, config), selection.root)
    by_name = {run.name: run for run in runs}

    def prepare(task: "Task") -> None:
        if task.name in by_name:
            by_name[task.name].prepare()
        else:
            make_folder(task)

    folder = selection.results_folder(out).resolve()
    sent = submit(
        grid.tasks_in_shares(runs, config.resources("sample").shards),
        home=grid.home(selection.root),
        name=selection.study.name,
        config=config,
        project=_project(),
        collect=_report_command(selection, folder),
        mem_gb=mem_gb,
        prepare=prepare,
    )
    _tell_sent(sent, folder)


def _tell_disk(found: "Plan", root: Path) -> None:
    """What the missing runs will need, beside what there is room for."""
    import shutil

    if found.disk_bytes is None:
        return
    there = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(there).free
    typer.echo(f"about {found.disk_bytes / 1e9:.2f} GB of disk, where {free / 1e9:.2f} GB are free")
    if found.disk_bytes > free:
        typer.echo("that is not enough: make room, or name another folder with --runs", err=True)


def _project() -> Path:
    import benchmarks

    return Path(benchmarks.__path__[0]).resolve().parent


def _report_command(selection: Selection, folder: Path) -> list[str]:
    """`study report` for the collecting job, which runs in the snapshot of the code."""
    name = selection.name
    if name.endswith(".py"):
        path = Path(name).resolve()
        inside = path.is_relative_to(_project())
        name = str(path.relative_to(_project()) if inside else path)
    command = ["python", "-m", "benchmarks.cli", "study", "report", name]
    return [*command, "--out", str(folder), *selection.options()]


def _run_inline(
    selection: Selection, runs: "list[Run]", tasks: "list[Task]", out: Path | None
) -> None:
    """Every run at this prompt, one by one; the report of what is scored."""
    from dreamtext.errors import Interrupted, RunError
    from slurm.inline import run_inline

    for run in runs:
        if run.state == "missing":
            run.prepare()
    verdicts = run_inline(tasks)
    if "interrupted" in verdicts.values():
        raise Interrupted("stopped as asked; run the same command to go on from here")
    if any(cell.done for cell in selection.cells):
        folder = selection.results_folder(out)
        write_report(selection, folder)
        typer.echo(f"{folder}/report.html")
    bad = sum(run.state != "done" for run in runs)
    if bad:
        raise RunError(f"{bad} of {len(runs)} runs are not done; see `study failures`")


def _tell_sent(sent: "Sent", folder: Path) -> None:
    left_out = ", ".join(f"{count} {state}" for state, count in sent.left_out.items())
    if not sent.count:
        typer.echo(f"nothing to submit: {left_out}")
        if sent.left_out.get("failed"):
            typer.echo("see `study failures`, and `study retry --failed`")
        return
    for job, tasks in sent.jobs.items():
        typer.echo(f"job {job}: {len(tasks)} x {tasks[0].stage}")
    typer.echo(f"job {sent.collect_job}: the report, to {folder}/report.html")
    if left_out:
        typer.echo(f"left out: {left_out}")
