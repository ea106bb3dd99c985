"""Figures of the launcher: `python -m benchmarks.perf.grids plan|status|array`.

plan: `study plan` of 10,000 runs. status: `study status` of 1,000 runs in every state. array:
1,000 trivial tasks submitted to the SLURM of this environment, capped, and collected. Times are
of whole commands, start of the interpreter included. CPU seconds (user and system) are steadier
than wall time on a busy machine; beside them stands the floor, a typer command that does nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = """
from benchmarks.study import Study
from benchmarks.study.variants import axis
STUDY = Study(name="big", question="?", seeds=tuple(range({seeds})), reference="gamma=0",
              variants=axis("objective.gamma", [k / 100 for k in range({variants})]))
"""
PROGRAM = "import sys, pathlib; pathlib.Path(sys.argv[1], 'DONE.json').write_text('{}')"
NOTHING = """
import typer
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
@app.command()
def other() -> None: pass
@app.command()
def nothing(name: str, n: int | None = None) -> None: pass
app(["nothing", "name"])
"""
REPEATS = 3


def main() -> None:
    if sys.argv[1:] not in (["plan"], ["status"], ["array"]):
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        {"plan": plan, "status": status, "array": array}[sys.argv[1]](Path(folder))


def timed(*arguments: str) -> tuple[float, float]:
    """Least wall and CPU seconds of a few repetitions of a Python command, after a first one."""
    best = (float("inf"), float("inf"))
    # Compiled once and for all, as in any installation.
    keep = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment = {**keep, "PYTHONPYCACHEPREFIX": tempfile.gettempdir() + "/figures-bytecode"}
    for number in range(1 + REPEATS):
        before, began = os.times(), time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
        )
        wall, after = time.perf_counter() - began, os.times()
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        if number:  # the first compiles, and what it remembers the others use
            best = (min(best[0], wall), min(best[1], cpu))
    return best


def show(what: str, *arguments: str) -> None:
    for name, command in ((what, arguments), ("a command that does nothing", ("-c", NOTHING))):
        wall, cpu = timed(*command)
        print(f"{name}: {wall:.2f} s wall, {cpu:.2f} s CPU", flush=True)


def study_file(folder: Path, variants: int, seeds: int) -> str:
    path = folder / "big.py"
    path.write_text(STUDY.format(variants=variants, seeds=seeds))
    return str(path)


def plan(folder: Path) -> None:
    name = study_file(folder, 200, 10)  # 2,000 trainings, 4,000 samplings, 4,000 scorings
    command = ["-m", "benchmarks.cli", "study", "plan", name, "--runs", str(folder / "runs")]
    show("study plan, 10,000 runs", *command)


def status(folder: Path) -> None:
    from benchmarks.launch import tasks as grid
    from benchmarks.study import load_study
    from slurm import attempts, records
    from slurm.lease import Lease

    root = folder / "runs"
    name = study_file(folder, 20, 10)  # 200 trainings, 400 samplings, 400 scorings
    runs = grid.distinct_runs(load_study(name).cells(root))
    assert len(runs) == 1000
    tasks = grid.tasks(runs)
    home = grid.home(root)
    submission = records.new(home, "big", home, [])
    submission.jobs.append(records.JobRecord("task-x", "train", tasks, {}, "", True))
    submission.save()
    leases = []
    for number, run in enumerate(runs):
        run.prepare()
        if number % 4 == 0:
            (run.folder / "DONE.json").write_text('{"seconds": 1}')
        elif number % 4 == 1:
            attempts.write_failure(run.folder, "python", "ValueError: bad luck")
        elif number % 4 == 2:
            lines = [json.dumps({"step": k, "total": 1.0, "steps_per_s": 3.0}) for k in range(50)]
            (run.folder / "log.jsonl").write_text("\n".join(lines) + "\n")
            leases.append(Lease(run.folder, stale_after_s=3600))
            leases[-1].__enter__()
    show(
        "study status, 1,000 runs",
        *("-m", "benchmarks.cli", "study", "status", name, "--runs", str(root)),
    )
    for lease in leases:
        lease.__exit__()


def array(folder: Path) -> None:
    from slurm import queue
    from slurm.config import ClusterConfig
    from slurm.submit import submit
    from slurm.task import Task

    folders = [str(folder / "runs" / f"run-{k:04d}") for k in range(1000)]
    tasks = [Task(f, ("python", "-c", PROGRAM, f)) for f in folders]
    cap = 8
    began = time.perf_counter()
    sent = submit(
        tasks,
        home=folder / "launch",
        name="thousand",
        config=ClusterConfig({"parallel": cap, "time_min": 5}),
        project=Path(__file__).parents[2],
        collect=("python", "-c", "print('collected')"),
    )
    submitted = time.perf_counter() - began
    print(f"{sent.count} tasks submitted in {submitted:.1f} s ({len(sent.jobs)} array)", flush=True)
    most = 0
    while not list((folder / "launch").glob("collect-*.log")):
        jobs = queue.mine().values()
        most = max(most, sum(job.state == "RUNNING" for job in jobs))
        time.sleep(2)
    total = time.perf_counter() - began
    done = sum(task.done for task in tasks)
    print(
        f"{done} done and collected in {total:.0f} s, {total / len(tasks) * cap:.2f} s a task and "
        f"place; at most {most} of {cap} at once"
    )


if __name__ == "__main__":
    main()
