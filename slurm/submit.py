"""Sending tasks to SLURM: checked before, held while recorded, released when all is known.

A submission is a transaction in two steps. Every array is sent *held*, its record written, and
only then are the arrays released; whatever cuts this off leaves held jobs, which the next
submission finds by their token and takes away. Tasks that are done, failed, or alive in the queue
are left out, so that submitting twice sends nothing.
"""

import dataclasses
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from slurm import attempts, layout, queue, records, sbatch, sharing, snapshot
from slurm.config import COLLECT, ClusterConfig, Resources
from slurm.environment import replaced
from slurm.errors import SlurmError, SlurmInputError
from slurm.lease import STALE_AFTER_S, Lease, LeaseHeld, read_lease
from slurm.task import Task, unique

SUBMITTER_WAIT_S = 300
SUBMITTER_STALE_S = 60


@dataclass(frozen=True)
class Sent:
    """What a submission did: job ids per array, and how many tasks were left out and why."""

    jobs: dict[str, list[Task]] = field(default_factory=dict)
    collect_job: str = ""
    left_out: dict[str, int] = field(default_factory=dict)
    record: Path | None = None

    @property
    def count(self) -> int:
        return sum(len(tasks) for tasks in self.jobs.values())


def make_folder(task: Task) -> None:
    Path(task.folder).mkdir(parents=True, exist_ok=True)


def submit(
    tasks: Sequence[Task],
    *,
    home: Path,
    name: str,
    config: ClusterConfig,
    project: Path,
    collect: Sequence[str] = (),
    mem_gb: Mapping[str, float] | None = None,
    code: Path | None = None,
    always_collect: bool = False,
    prepare: Callable[[Task], object] = make_folder,
) -> Sent:
    """Submit all tasks that still have to run, and a job that collects after the last of them.

    Args:
        home: launcher's folder (records, code snapshots, logs), beside the run folders.
        name: of the study; names the jobs.
        project: the work tree that the jobs' code is copied from.
        collect: program to run after all tasks ended, however they ended.
        mem_gb: folder -> memory, for tasks that need more than their stage's.
        code: an existing snapshot to use instead of taking one.
        always_collect: send a collecting job even when tasks are only waited for.
        prepare: makes a task's folder ready; called after all checks, before the first is queued.

    Raises:
        SlurmInputError: no SLURM, a partition or account it rejects, a folder not writable or not
            shared. Nothing was queued.
        SlurmError: SLURM refused an array after accepting others; those run, and the same command
            sends the rest.
    """
    tasks = unique(tasks)
    if not queue.available():
        queue.run(["sbatch", "--version"])
        queue.run(["squeue", "--version"])
    sharing.check_writable(home)
    requests = _requests(config, mem_gb or {})
    with _only_submitter(home):
        pending, left_out, alive = _pending(tasks, home)
        if not pending and not (always_collect and alive):
            return Sent(left_out=left_out)
        collector = config.resources(COLLECT)
        if not collector.shared_filesystem:
            sharing.check_shared(home, queue.node_addresses())
        arrays = layout.arrange(pending, requests, queue.max_array_size(), alive)
        code = code or snapshot.take(project, home / "snapshots")
        collecting = layout.Array(COLLECT, collector, ())
        _test_only([*arrays, collecting], home, name, code)
        for task in pending:
            prepare(task)
            attempts.clear_failure(task.folder)
        submission = records.new(home, name, code, collect)
        sent = _send(arrays, submission, home, alive, collector)
        return dataclasses.replace(sent, left_out=left_out)


def dry_run(
    tasks: Sequence[Task], *, home: Path, name: str, config: ClusterConfig, max_size: int = 1001
) -> list[str]:
    """The sbatch text of every array that `submit` would send. Asks SLURM nothing."""
    pending = [t for t in unique(tasks) if not t.done and not t.failed]
    arrays = layout.arrange(pending, _requests(config, {}), max_size)
    ids = {index: f"<job {index + 1}>" for index in range(len(arrays))}
    code = home / "snapshots" / "<hash of the code>"
    return [sbatch.text(array, home, name, code, "<token>", ids) for array in arrays]


def _requests(config: ClusterConfig, mem_gb: Mapping[str, float]) -> Callable[[Task], Resources]:
    by_stage: dict[str, Resources] = {}

    def request(task: Task) -> Resources:
        if task.stage not in by_stage:
            by_stage[task.stage] = config.resources(task.stage)
        resources = by_stage[task.stage]
        if task.folder in mem_gb:
            return dataclasses.replace(resources, mem_gb=mem_gb[task.folder])
        return resources

    return request


class _only_submitter(ExitStack):
    """Two people submitting at once: the second waits, and then finds the cells queued."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        folder = home / "submitting"
        folder.mkdir(exist_ok=True)
        deadline = time.monotonic() + SUBMITTER_WAIT_S
        while True:
            try:
                self.enter_context(Lease(folder, SUBMITTER_STALE_S))
                return
            except LeaseHeld:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def _pending(
    tasks: Sequence[Task], home: Path
) -> tuple[list[Task], dict[str, int], dict[str, str]]:
    """Tasks to send, counts of those left out, and folder -> job of those in the queue."""
    jobs = queue.mine()
    submissions = records.load_all(home)
    queue.cancel(records.repair(submissions, jobs))
    sent = records.jobs_of_folders(submissions)
    pending: list[Task] = []
    left_out = {"done": 0, "failed": 0, "queued": 0, "running": 0}
    alive: dict[str, str] = {}
    for task in tasks:
        job = jobs.get(sent.get(task.folder, ""))
        if task.done:
            left_out["done"] += 1
        elif task.failed and not attempts.was_cancelled(task.folder):
            left_out["failed"] += 1
        elif job and job.alive:
            left_out["queued"] += 1
            alive[task.folder] = job.id
        elif (lease := read_lease(task.folder)) and lease.held(STALE_AFTER_S):
            left_out["running"] += 1  # by another launcher, or by hand
        else:
            pending.append(task)
    return pending, {k: v for k, v in left_out.items() if v}, alive


def _test_only(arrays: Sequence[layout.Array], home: Path, name: str, code: Path) -> None:
    """Let SLURM judge each kind of request before the first is queued."""
    seen = set()
    for array in arrays:
        if repr(array.resources) in seen:
            continue
        seen.add(repr(array.resources))
        alone = dataclasses.replace(array, corresponds=None, follows=(), external=())
        text = sbatch.text(alone, home, name, code, "test", {})
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
            file.write(text)
            file.flush()
            with replaced(sbatch.environment(array.resources)):
                try:
                    queue.run(["sbatch", "--test-only", file.name])
                except SlurmError as error:
                    asked = ", ".join(
                        f"{f.name}={value!r}"
                        for f in dataclasses.fields(Resources)
                        if (value := getattr(array.resources, f.name)) != f.default
                        and value not in ({}, ())
                    )
                    raise SlurmInputError(
                        f"SLURM rejects the request of stage '{array.stage}': {error}. Asked for: "
                        f"{asked or 'the defaults'}. Nothing was submitted."
                    ) from error


def _send(
    arrays: Sequence[layout.Array],
    submission: records.Submission,
    home: Path,
    alive: Mapping[str, str],
    collector: Resources,
) -> Sent:
    ids: dict[int, str] = {}
    code = Path(submission.snapshot)
    submission.save()
    failure: Exception | None = None
    for index, array in enumerate(arrays):
        record = records.JobRecord(
            records.token(), array.stage, list(array.tasks), dataclasses.asdict(array.resources)
        )
        submission.jobs.append(record)
        submission.save()
        try:
            record.job_id = ids[index] = sbatch.send(
                array, home, submission.name, code, record.token, ids
            )
        except (SlurmError, subprocess.SubprocessError) as error:
            failure = error
            break
        submission.save()
    sent = [job for job in submission.jobs if job.job_id]
    collect_job = ""
    if sent or not failure:
        collect_job = _send_collector(submission, home, sent, alive, collector)
        queue.release(job.job_id for job in submission.jobs if job.job_id)
        for job in submission.jobs:
            job.released = bool(job.job_id)
        submission.save()
    if failure:
        raise SlurmError(
            f"SLURM accepted {len(sent)} of {len(arrays)} job arrays and refused the next: "
            f"{failure}. What was accepted runs and is recorded; the same command sends the rest."
        ) from failure
    jobs = {job.job_id: job.tasks for job in submission.jobs if job.tasks}
    return Sent(jobs, collect_job, record=submission.path)


def _send_collector(
    submission: records.Submission,
    home: Path,
    sent: Sequence[records.JobRecord],
    alive: Mapping[str, str],
    resources: Resources,
) -> str:
    """The job after all others: marks what died silently, sends it again, runs `collect`."""
    array = layout.Array(
        stage=COLLECT,
        resources=resources,
        tasks=(),
        external=tuple(sorted({*(job.job_id for job in sent), *alive.values()})),
    )
    record = records.JobRecord(records.token(), COLLECT, [], dataclasses.asdict(resources))
    submission.jobs.append(record)
    submission.save()
    record.job_id = sbatch.send(
        array, home, submission.name, Path(submission.snapshot), record.token, {}, submission.path
    )
    return record.job_id
