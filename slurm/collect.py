"""The job after all others: judge what died without a word, send it again, then collect."""

import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from slurm import aftermath, attempts, nodes, queue, records
from slurm.config import COLLECT, ClusterConfig, Resources
from slurm.job import Launch
from slurm.judgement import note_cancelled, record_failure
from slurm.lease import holder
from slurm.queue import QueuedJob
from slurm.submit import submit
from slurm.task import Task

# Ends that are no fault of the task, whatever it had done by then.
NO_FAULT = frozenset({"PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "REVOKED"})
# Of an element that is no more in an array that SLURM still knows: it was cancelled before it
# began, and nothing is kept of such.
GONE = "GONE"


def run(home: str, record: str, container: str = "", python: str = "") -> str:
    """Sweep the submission of `record`; then run its `collect` program, if it has one.

    If tasks are sent again, or SLURM put one back into the queue after calling it ended (a lost
    node), another collecting job takes over after them.
    """
    folder = Path(home)
    submission = records.load(Path(record))
    again, alive = sweep(folder, submission)
    later = [task for job in submission.later for task in job.tasks if not _settled(task)]
    if again or alive or later:
        _follow_up(folder, submission, [*again, *alive, *later])
        return "left to the next collecting job"
    if not submission.collect:
        return "swept"
    program = Task(home, tuple(submission.collect))
    with open(folder / f"collect-{submission.path.stem}.log", "ab") as output:
        done = subprocess.run(
            Launch(container=container, python=python).argv(program),
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
    submissions = records.load_all(home)
    jobs = records.without_strangers(queue.mine(), submissions)
    newest = records.jobs_of_folders(submissions)
    waiting = [(id_, task) for id_, task in submission.elements() if not _settled(task)]
    known = jobs | queue.ended({id_ for id_, _ in waiting} - set(jobs))
    arrays = {job.array for id_, job in known.items() if "_" in id_}
    again: list[Task] = []
    alive: list[Task] = []
    for id_, task in waiting:
        lost = QueuedJob(id_, "UNKNOWN")
        state = known.get(id_, replace(lost, state=GONE) if lost.array in arrays else lost)
        if state.alive:
            alive.append(task)
        elif newest.get(task.folder) != id_ or holder(task.folder):
            continue
        elif judge(task, state, home) == "again":
            again.append(task)
    # Tasks that were cancelled because a parent did not succeed get their chance with it.
    folders = {task.folder for task in again}
    for _, task in waiting:
        if task not in alive and task.folder not in folders and folders.intersection(task.after):
            folders.add(task.folder)
            again.append(task)
    return again, alive


def judge(task: Task, state: QueuedJob, home: Path) -> str:
    """Why a job that is over left a task unsettled. Writes `FAILED.json` if that is final."""
    folder = Path(task.folder)
    lines = attempts.read(folder)
    last = lines[-1]["outcome"] if lines else ""
    by_hand = state.state == "CANCELLED" and state.reason != "DependencyNeverSatisfied"
    # It was put back into the queue, or ended by SLURM, and is in the queue no more although the
    # controller forgets no job that is to start.
    if by_hand or (state.state in ("UNKNOWN", GONE) and last in ("requeued", "taken")):
        note_cancelled(folder)
        return "cancelled"
    if last in ("", "retry"):  # it never started
        if any(not Task(parent, ()).done for parent in task.after):
            return "blocked"
        if state.state == GONE:
            note_cancelled(folder)
            return "cancelled"
        if state.state in ("UNKNOWN", "CANCELLED"):
            return "blocked"  # forgotten by the controller: whoever submits next sends it
        error = f"the job ended ({state.state}) before its program began"
        if state.state not in NO_FAULT:
            return record_failure(folder, "lost", f"{error}; see {_log(home, state.id)}")
    # `failed`, and yet not given up: it was worth another try, and could not be put back.
    if state.state in NO_FAULT or last in ("interrupted", "requeued", "taken", "failed"):
        attempts.append(folder, "interrupted", cause=state.state.lower())
        return "again"
    cause, error = aftermath.explain(state.state, 0)
    if cause == "killed":
        cause, error = "lost", f"the job ended ({state.state}) and left no word"
    return record_failure(folder, cause, error)


def _log(home: Path, job_id: str) -> Path:
    return home / "jobs" / f"{job_id}_0_log.err"


def _settled(task: Task) -> bool:
    return task.done or task.failed


def _follow_up(home: Path, submission: records.Submission, tasks: list[Task]) -> None:
    code = Path(submission.snapshot)
    submit(
        tasks,
        home=home,
        name=submission.name,
        config=ClusterConfig(stages={COLLECT: _collector(submission)}),
        requests=_requests(home, submission),
        project=code,
        collect=submission.collect,
        code=code,
        always_collect=True,
    )


def _collector(submission: records.Submission) -> dict[str, object]:
    """What the collecting job itself had asked for."""
    (values,) = (job.resources for job in submission.jobs if job.stage == COLLECT)
    return asdict(records.resources_of(values))


def _requests(home: Path, submission: records.Submission) -> Callable[[Task], Resources]:
    """Each task asks for what it had asked for, away from nodes that failed others."""
    by_folder: dict[str, Resources] = {}
    everything = [job for one in records.load_all(home) for job in one.jobs]
    for job in [*everything, *submission.later]:
        resources = records.resources_of(job.resources)
        by_folder.update((task.folder, resources) for task in job.tasks)
    bad = sorted(nodes.excluded(home, submission.path.stem))

    def request(task: Task) -> Resources:
        own = by_folder[task.folder]
        if not bad:
            return own
        before = [str(own.sbatch["exclude"])] if "exclude" in own.sbatch else []
        return replace(own, sbatch={**own.sbatch, "exclude": ",".join(before + bad)})

    return request
