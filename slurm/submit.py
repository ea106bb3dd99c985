"""Sending tasks to SLURM: checked before, held while recorded, released when all is known.

A submission is a transaction: every array is sent *held*, its record written, and only then are
the arrays released; `slurm.recovery` brings one that was cut off to its end. Tasks that are done,
failed, or alive in the queue are left out, so that submitting twice sends nothing.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from slurm import attempts, layout, queue, records, recovery, sbatch, sharing, snapshot
from slurm.config import COLLECT, ClusterConfig, Resources
from slurm.entry import Entry
from slurm.environment import replaced
from slurm.errors import SlurmError, SlurmInputError
from slurm.lease import Lease, LeaseHeld, holder
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


@dataclass(frozen=True)
class Standing:
    """What is to be sent, and what is there already.

    Attributes:
        queued: folder -> job of tasks that are alive in the queue.
        uncollected: tasks alive in the queue that no collecting job waits for.
    """

    pending: list[Task]
    left_out: dict[str, int]
    queued: dict[str, str]
    uncollected: list[Task]


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
    requests: Callable[[Task], Resources] | None = None,
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
        requests: what each task asks for [default: what the config says of its stage].
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
    requests = requests or requests_of(config, mem_gb or {})
    with _only_submitter(home):
        submissions = records.load_all(home)
        recovery.recover(submissions)
        now = _standing(tasks, home, submissions)
        if not now.pending and not now.uncollected and not (always_collect and now.queued):
            return Sent(left_out=now.left_out)
        collector = config.resources(COLLECT)
        if not collector.shared_filesystem:
            sharing.check_shared(home, queue.node_addresses())
        limits = queue.limits()
        room = _room(collector, limits, len(now.queued))
        first, later = now.pending[:room], now.pending[room:]
        arrays = layout.arrange(first, requests, limits.array_size, now.queued)
        code = code or snapshot.take(project, home / "snapshots")
        _test_only([*arrays, layout.Array(COLLECT, collector, ())], home, name, code)
        for task in now.pending:
            prepare(task)
            attempts.clear_failure(task.folder)
        submission = records.new(home, name, code, collect, submissions)
        submission.later = _later(later, requests)
        for task in tasks:
            if task.folder in now.queued:
                submission.waited.setdefault(now.queued[task.folder], []).append(task)
        try:
            sent = _send(arrays, submission, home, collector)
        except KeyboardInterrupt:
            recovery.recover([submission])
            raise
        return dataclasses.replace(sent, left_out=now.left_out)


def cancel(tasks: Sequence[Task], home: Path) -> int:
    """Take tasks from the queue, with what an interrupted submission left there; how many."""
    if not home.is_dir():
        return 0
    with _only_submitter(home):
        submissions = records.load_all(home)
        recovery.recover(submissions)
        sent = records.jobs_of_folders(submissions)
        jobs = records.without_strangers(queue.mine(), submissions)
        alive = {id_ for id_, job in jobs.items() if job.alive}
        ids = [sent[task.folder] for task in tasks if sent.get(task.folder) in alive]
        queue.cancel(ids)
        return len(ids)


def dry_run(
    tasks: Sequence[Task], *, home: Path, name: str, config: ClusterConfig, max_size: int = 1001
) -> list[str]:
    """The sbatch text of every array that `submit` would send. Asks SLURM nothing."""
    pending = [t for t in unique(tasks) if not t.done and not t.failed]
    arrays = layout.arrange(pending, requests_of(config, {}), max_size)
    ids = {index: f"<job {index + 1}>" for index in range(len(arrays))}
    code = home / "snapshots" / "<hash of the code>"
    return [sbatch.text(array, home, name, code, "<token>", ids) for array in arrays]


def requests_of(config: ClusterConfig, mem_gb: Mapping[str, float]) -> Callable[[Task], Resources]:
    """What each task asks for: what the config says of its stage, or more memory."""
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


def _standing(
    tasks: Sequence[Task], home: Path, submissions: Sequence[records.Submission]
) -> Standing:
    jobs = records.without_strangers(queue.mine(), submissions)
    alive = {id_ for id_, job in jobs.items() if job.alive}
    sent = records.jobs_of_folders(submissions)
    collected: set[str] = set()  # jobs that a living collecting job waits for
    for submission in submissions:
        if any(job.stage == COLLECT and job.job_id in alive for job in submission.jobs):
            collected.update(id_ for id_, _ in submission.elements())
    left_out = {"done": 0, "failed": 0, "queued": 0, "running": 0}
    now = Standing([], left_out, {}, [])
    for task in tasks:
        id_ = sent.get(task.folder, "")
        if task.done:
            left_out["done"] += 1
        elif task.failed and not attempts.may_go_on(task.folder):
            left_out["failed"] += 1
        elif id_ in alive:
            left_out["queued"] += 1
            now.queued[task.folder] = id_
            if id_ not in collected:
                now.uncollected.append(task)
        elif holder(task.folder):
            left_out["running"] += 1  # by another launcher, or by hand
        else:
            now.pending.append(task)
    return dataclasses.replace(now, left_out={k: v for k, v in left_out.items() if v})


def _later(tasks: Sequence[Task], requests: Callable[[Task], Resources]) -> list[records.JobRecord]:
    """Tasks that wait for a place in the queue, by what they ask for."""
    groups: dict[str, records.JobRecord] = {}
    for task in tasks:
        resources = requests(task)
        record = records.JobRecord("", task.stage, [], dataclasses.asdict(resources))
        groups.setdefault(f"{task.stage} {resources}", record).tasks.append(task)
    return list(groups.values())


def _room(collector: Resources, limits: queue.Limits, queued: int) -> int:
    """How many more tasks may enter the queue; one place is the collecting job's."""
    most = min(collector.max_queued or limits.jobs, limits.jobs)
    return max(1, most - 1 - queued)


def _test_only(arrays: Sequence[layout.Array], home: Path, name: str, code: Path) -> None:
    """Let SLURM judge each kind of request before the first is queued."""
    seen = set()
    for array in arrays:
        if repr(array.resources) in seen:
            continue
        seen.add(repr(array.resources))
        alone = dataclasses.replace(array, corresponds=(), follows=(), external=())
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
    collector: Resources,
) -> Sent:
    ids: dict[int, str] = {}
    refused = ""
    submission.save()
    for index, array in enumerate(arrays):
        try:
            ids[index] = _send_array(array, submission, home, ids)
        except SlurmError as error:
            refused = f"{len(ids)} of {len(arrays)} job arrays and refused the next: {error}"
            break
    collect_job = ""
    if ids or submission.waited:
        everything = {job.job_id for job in submission.jobs if job.job_id} | set(submission.waited)
        after = layout.Array(COLLECT, collector, (), external=tuple(sorted(everything)))
        try:
            collect_job = _send_array(after, submission, home, {})
        except SlurmError as error:
            refused = refused or f"all job arrays, but not the one that collects: {error}"
        submission.phase = "sent"
        submission.save()
        queue.release(job.job_id for job in submission.jobs if job.job_id)
        submission.phase = "released"
        submission.save()
    if refused:
        raise SlurmError(
            f"SLURM accepted {refused}. What was accepted runs and is recorded; the same command "
            f"sends the rest. Where the number of jobs is limited, max_queued in cluster.toml "
            f"keeps below it."
        )
    jobs = {job.job_id: job.tasks for job in submission.jobs if job.tasks}
    return Sent(jobs, collect_job, record=submission.path)


def _send_array(
    array: layout.Array, submission: records.Submission, home: Path, ids: Mapping[int, str]
) -> str:
    """Record one array, send it held, and record its id."""
    r = array.resources
    record = records.JobRecord(
        records.token(),
        array.stage,
        list(array.tasks),
        dataclasses.asdict(r),
        per_job=r.runs_per_job if array.tasks else 1,
    )
    submission.jobs.append(record)
    submission.save()
    place = {"home": str(home), "container": r.container, "python": r.container_python}
    if array.tasks:
        place["token"] = record.token
        payload = [
            Entry("slurm.job", {"tasks": [task.to_dict() for task in pack], **place})
            for pack in array.packs()
        ]
    else:
        payload = [Entry("slurm.collect", {"record": str(submission.path)} | place)]
    code = Path(submission.snapshot)
    record.job_id = sbatch.send(array, home, submission.name, code, record.token, ids, payload)
    submission.save()
    return record.job_id
