"""`dreamtext study plan|submit|retry|cancel`: studies on a cluster.

The commands only put together what `benchmarks.grid` (runs as tasks) and `slurm` (tasks on a
cluster) can do. None of them imports torch.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmarks.commands.selection import (
    ClusterFile,
    ClusterSet,
    chosen,
    cluster_config,
    duration,
    find_run,
    root_of,
)
from benchmarks.commands.study import (
    Name,
    Out,
    Preset,
    RunsOption,
    Samples,
    Seeds,
    Set,
    Where,
    app,
    results_folder,
)


@app.command()
def plan(
    name: Name,
    preset: Preset = None,
    seeds: Seeds = None,
    n: Samples = None,
    where: Where = None,
    set_: Set = None,
    runs: RunsOption = None,
    cluster: ClusterFile = None,
    ask: ClusterSet = None,
    probe: Annotated[bool, typer.Option("--probe", help="Measure a few steps first")] = False,
) -> None:
    """What of a study exists, what would run, and for how long."""
    from benchmarks import grid

    study, cells, root = chosen(name, preset, seeds, n, where, set_, runs)
    if probe:
        grid.probe(study, root)
    found = grid.plan(grid.distinct_runs(cells), cluster_config(cluster, ask))
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


@app.command()
def submit(
    name: Name,
    on: Annotated[
        Literal["slurm", "local", "inline"],
        typer.Option(help="The cluster; this machine, side by side; or here, one by one"),
    ] = "slurm",
    preset: Preset = None,
    seeds: Seeds = None,
    n: Samples = None,
    where: Where = None,
    set_: Set = None,
    runs: RunsOption = None,
    out: Out = None,
    cluster: ClusterFile = None,
    ask: ClusterSet = None,
    parallel: Annotated[int, typer.Option(help="--on local: runs side by side")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the batch scripts")] = False,
) -> None:
    """Send all that is missing of a study, and its report after the last run. Once is enough:
    what is done, queued or running is not sent again."""
    from benchmarks import grid
    from slurm import submit as slurm_submit

    study, cells, root = chosen(name, preset, seeds, n, where, set_, runs)
    config = cluster_config(cluster, ask)
    todo = grid.distinct_runs(cells)
    tasks = grid.tasks(todo)
    if dry_run:
        for text in slurm_submit.dry_run(
            tasks, home=grid.home(root), name=study.name, config=config
        ):
            typer.echo(text)
        return
    folder = (out or results_folder(study, name)).resolve()
    if on != "slurm":
        _run_here(on, study, cells, tasks, root, folder, parallel)
        return
    sent = slurm_submit.submit(
        tasks,
        home=grid.home(root),
        name=study.name,
        config=config,
        project=_project(),
        collect=_report_command(name, study, preset, seeds, n, where, set_, root, folder),
        prepare=_preparer(todo),
    )
    _tell_sent(sent, folder)


@app.command()
def retry(
    name: Name,
    failed: Annotated[bool, typer.Option("--failed", help="Runs that failed")] = False,
    more_memory: Annotated[
        float | None,
        typer.Option(help="Factor of memory for runs that were out of it, such as 2"),
    ] = None,
    preset: Preset = None,
    seeds: Seeds = None,
    n: Samples = None,
    where: Where = None,
    set_: Set = None,
    runs: RunsOption = None,
    out: Out = None,
    cluster: ClusterFile = None,
    ask: ClusterSet = None,
) -> None:
    """Send failed runs again, and what waits for them."""
    from benchmarks import grid
    from dreamtext.errors import UserError
    from slurm.attempts import clear_failure
    from slurm.failures import out_of_memory
    from slurm.submit import submit as slurm_submit

    if not failed:
        raise UserError("say what to send again: study retry NAME --failed")
    study, cells, root = chosen(name, preset, seeds, n, where, set_, runs)
    config = cluster_config(cluster, ask)
    todo = grid.distinct_runs(cells)
    tasks = grid.tasks(todo)
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
    folder = (out or results_folder(study, name)).resolve()
    sent = slurm_submit(
        tasks,
        home=grid.home(root),
        name=study.name,
        config=config,
        project=_project(),
        collect=_report_command(name, study, preset, seeds, n, where, set_, root, folder),
        mem_gb=memory,
        prepare=_preparer(todo),
    )
    _tell_sent(sent, folder)


@app.command()
def cancel(
    name: Name,
    preset: Preset = None,
    seeds: Seeds = None,
    n: Samples = None,
    where: Where = None,
    set_: Set = None,
    runs: RunsOption = None,
) -> None:
    """Take a study's runs from the queue. What they have done stays; `submit` goes on from it."""
    from benchmarks import grid
    from slurm import queue
    from slurm.records import jobs_of_folders, load_all

    _, cells, root = chosen(name, preset, seeds, n, where, set_, runs)
    sent = jobs_of_folders(load_all(grid.home(root)))
    alive = {id_ for id_, job in queue.mine().items() if job.alive}
    tasks = grid.tasks(grid.distinct_runs(cells))
    ids = [sent[task.folder] for task in tasks if sent.get(task.folder) in alive]
    queue.cancel(ids)
    typer.echo(f"{len(ids)} runs cancelled")


# --- parts --------------------------------------------------------------------------------------


def run_inline(run: str, runs: Path | None) -> None:
    """One run at this prompt, from the code as it is now: for a debugger."""
    from benchmarks import grid
    from benchmarks.runs import load
    from dreamtext.errors import RunError
    from slurm.attempts import clear_failure
    from slurm.local import run_inline as inline

    folder = find_run(run, root_of(runs))
    clear_failure(folder)
    (verdict,) = inline(grid.tasks([load(folder)])).values()
    typer.echo(f"{folder.name}: {verdict}")
    if verdict != "done":
        raise RunError(f"{folder.name} ended {verdict}")


def _project() -> Path:
    import benchmarks

    return Path(benchmarks.__path__[0]).resolve().parent


def _preparer(runs):  # type: ignore[no-untyped-def]
    by_name = {run.name: run for run in runs}
    return lambda task: by_name[task.name].prepare()


def _report_command(name, study, preset, seeds, n, where, set_, root, folder) -> list[str]:  # type: ignore[no-untyped-def]
    """`study report` for the collecting job, which runs in the snapshot of the code."""
    path = Path(name).resolve()
    if name.endswith(".py"):
        inside = path.is_relative_to(_project())
        name = str(path.relative_to(_project()) if inside else path)
    command = ["python", "-m", "benchmarks.cli", "study", "report", name]
    command += ["--runs", str(root), "--out", str(folder)]
    for option, value in (("--preset", preset), ("--seeds", seeds), ("--n", n)):
        command += [option, str(value)] if value is not None else []
    for option, values in (("--where", where), ("--set", set_)):
        command += [word for value in values or [] for word in (option, value)]
    return command


def _run_here(on, study, cells, tasks, root, folder, parallel) -> None:  # type: ignore[no-untyped-def]
    from benchmarks import grid, report
    from dreamtext.errors import Interrupted, RunError
    from slurm import snapshot
    from slurm.local import run_inline as inline
    from slurm.local import run_local

    for run in grid.distinct_runs(cells):
        if run.state == "missing":
            run.prepare()
    titles = {task.folder: run.title for task, run in zip(tasks, grid.distinct_runs(cells))}  # noqa: B905

    def tell(task, verdict) -> None:  # type: ignore[no-untyped-def]
        typer.echo(f"{task.name}  {verdict:12} {titles[task.folder]}", err=True)

    if on == "inline":
        verdicts = inline(tasks)
    else:
        code = snapshot.take(_project(), grid.home(root) / "snapshots")
        verdicts = run_local(tasks, code, parallel, tell)
    if "interrupted" in verdicts.values():
        raise Interrupted("stopped as asked; run the same command to go on from here")
    if any(cell.score.state == "done" for cell in cells):
        report.write(study, cells, folder)
        typer.echo(f"{folder}/report.html")
    bad = sum(verdict != "done" for verdict in verdicts.values())
    if bad:
        raise RunError(f"{bad} of {len(tasks)} runs are not done; see `study failures`")


def _tell_sent(sent, folder: Path) -> None:  # type: ignore[no-untyped-def]
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
