"""The job after all others: judge what died without a word, send it again, then collect."""

import subprocess
import sys
from pathlib import Path

from slurm import aftermath, attempts, job, queue, records
from slurm.config import ClusterConfig
from slurm.lease import STALE_AFTER_S, read_lease
from slurm.queue import QueuedJob
from slurm.task import Task


def run(home: Path, record: Path) -> str:
    """Sweep the submission of `record`; then run its `collect` program, if it has one.

    If tasks are sent again, or SLURM put one back into the queue after calling it ended (a lost
    node), another collecting job takes over after them.
    """
    submission = records.load(record)
    again, alive = sweep(home, submission)
    if again or alive:
        _follow_up(home, submission, again + alive)
        return "left to the next collecting job"
    if not submission.collect:
        return "swept"
    first, *rest = submission.collect
    with open(home / f"collect-{record.stem}.log", "ab") as output:
        done = subprocess.run(
            [sys.executable if first == "python" else first, *rest],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise SystemExit(f"the collecting program ended with exit code {done.returncode}")
    return "collected"


def sweep(home: Path, submission: records.Submission) -> tuple[list[Task], list[Task]]:
    """Judge every task that is neither done nor failed nor alive.

    Returns:
        tasks that should run again, and tasks that are still alive.
    """
    jobs = queue.mine()
    newest = records.jobs_of_folders(records.load_all(home))
    waiting = {id_: t for j in submission.jobs for id_, t in j.elements() if not _settled(t)}
    known = jobs | queue.ended(set(waiting) - set(jobs))
    again: list[Task] = []
    alive: list[Task] = []
    for id_, task in waiting.items():
        state = known.get(id_, QueuedJob(id_, "UNKNOWN"))
        lease = read_lease(task.folder)
        if state.alive:
            alive.append(task)
        elif newest[task.folder] != id_ or (lease and lease.held(STALE_AFTER_S)):
            continue
        elif judge(task, state) == "again":
            again.append(task)
    # Tasks that were cancelled because a parent did not succeed get their chance with it.
    folders = {task.folder for task in again}
    for task in waiting.values():
        if task not in alive and task.folder not in folders and folders.intersection(task.after):
            folders.add(task.folder)
            again.append(task)
    return again, alive


def judge(task: Task, state: QueuedJob) -> str:
    """Why a job that is over left a task unsettled. Writes `FAILED.json` if that is final."""
    lines = attempts.read(task.folder)
    if not lines or lines[-1]["outcome"] == "retry":
        if state.state == "CANCELLED" and state.reason != "DependencyNeverSatisfied":
            aftermath.note_cancelled(task.folder)
            return "cancelled"
        return "blocked"  # never started: a parent did not succeed
    if state.state == "CANCELLED":
        aftermath.note_cancelled(task.folder)
        return "cancelled"
    cause, error = aftermath.explain(state.state, 0)
    if cause == "killed":
        cause, error = "lost", f"the job ended ({state.state}) and left no word"
    return job.record_failure(Path(task.folder), cause, error)


def _settled(task: Task) -> bool:
    return task.done or task.failed


def _follow_up(home: Path, submission: records.Submission, tasks: list[Task]) -> None:
    from slurm.submit import submit

    stages = {job.stage: job.resources for job in submission.jobs}
    submit(
        tasks,
        home=home,
        name=submission.name,
        config=ClusterConfig(stages=stages),
        project=Path(submission.snapshot),
        collect=submission.collect,
        code=Path(submission.snapshot),
        always_collect=True,
    )
