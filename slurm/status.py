"""What every task is doing: from its folder, the records and one call of `squeue`.

The folder says done and failed; SLURM says queued and running; the lease's heartbeat tells a
working process from a dead one, and the log's last line a slow one from one that hangs.
"""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from slurm import attempts, queue, records
from slurm.errors import SlurmError, SlurmWarning
from slurm.lease import STALE_AFTER_S, read_lease, server_time
from slurm.progress import LOG, tail
from slurm.queue import QueuedJob
from slurm.task import CANCELLED, Task, read_failure, sentence

State = Literal["new", "queued", "running", "hung", "done", "failed", "cancelled", "lost"]
HUNG_AFTER_S = 600.0  # without a new log line a run hangs after this long, and after ...
HUNG_INTERVALS = 20.0  # ... this many times the usual time between its lines


@dataclass(frozen=True)
class TaskStatus:
    """One task's state.

    Attributes:
        state: lost: it began and nobody works on it; hung: somebody holds it, but it stands still.
        detail: why it waits, or failed, or is thought to hang.
        progress: the last line of its log (`step`, `loss`, `steps_per_s`, ... as far as there).
        eta_s: seconds to its last step, at the pace of its last lines; None if not known.
    """

    task: Task
    state: State
    job: str = ""
    node: str = ""
    detail: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    eta_s: float | None = None


def status(
    tasks: Sequence[Task],
    home: Path,
    jobs: Mapping[str, QueuedJob] | None = None,
    steps: Mapping[str, int] | None = None,
) -> list[TaskStatus]:
    """The state of each task.

    Args:
        jobs: what SLURM says (`queue.mine()`); None asks it, if anything was ever sent to it.
        steps: folder -> how many steps its task has, for the time remaining.
    """
    submissions = records.load_all(home)
    sent = records.jobs_of_folders(submissions)
    if jobs is None:
        jobs = _jobs() if sent and queue.available() else {}
    jobs = records.without_strangers(jobs, submissions)
    now = server_time(home)
    total = steps or {}
    return [
        _status(task, sent.get(task.folder, ""), jobs, now, total.get(task.folder, 0))
        for task in tasks
    ]


def _jobs() -> dict[str, QueuedJob]:
    try:
        return queue.mine()
    except SlurmError as error:
        warnings.warn(f"{error}; this is what the folders know", SlurmWarning, stacklevel=3)
        return {}


def counts(statuses: Iterable[TaskStatus]) -> dict[State, int]:
    """How many tasks are in each state that occurs."""
    out: dict[State, int] = {}
    for one in statuses:
        out[one.state] = out.get(one.state, 0) + 1
    return out


def _status(
    task: Task, job_id: str, jobs: Mapping[str, QueuedJob], now: float, steps: int
) -> TaskStatus:
    if task.done:
        return TaskStatus(task, "done", job_id)
    if task.failed:
        failure = read_failure(task.folder)
        state: State = "cancelled" if failure.get("cause") == CANCELLED else "failed"
        return TaskStatus(task, state, job_id, detail=sentence(failure))
    try:
        files = os.listdir(task.folder)
    except (FileNotFoundError, NotADirectoryError):
        files = []
    job = jobs.get(job_id)
    leased = any(name.startswith("lease-") for name in files)
    lease = read_lease(task.folder) if leased else None
    held = lease is not None and lease.held(STALE_AFTER_S, now)
    if job and job.alive and job.state != "RUNNING" and not held:
        return TaskStatus(task, "queued", job_id, detail=_waiting(job))
    if (job and job.alive) or held:
        node = job.nodes if job else lease.host if lease else ""
        return _running(TaskStatus(task, "running", job_id, node), held, leased, now, steps)
    if leased or attempts.ATTEMPTS in files:
        last = job.state.lower() if job else "not in the queue"
        return TaskStatus(task, "lost", job_id, detail=f"began, and ended without a word ({last})")
    return TaskStatus(task, "new", job_id)


def _waiting(job: QueuedJob) -> str:
    return "" if job.reason in ("None", "Priority", "Resources", "") else job.reason


def _running(one: TaskStatus, held: bool, began: bool, now: float, steps: int) -> TaskStatus:
    path = Path(one.task.folder, LOG)
    lines = tail(path)
    one = replace(one, progress=_merged(lines[-2:]), detail="" if began else "starting")
    if began and not held:
        detail = f"no heartbeat for over {STALE_AFTER_S:g} s, though its job runs"
        return replace(one, state="hung", detail=detail)
    if not lines:
        return one
    silent_s = now - path.stat().st_mtime
    speed = _steps_per_s(lines)
    usual_s = (lines[-1]["step"] - lines[-2]["step"]) / speed if speed and len(lines) > 1 else 0.0
    if silent_s > max(HUNG_AFTER_S, HUNG_INTERVALS * usual_s):
        detail = f"alive, but no log line for {silent_s:.0f} s (usually {usual_s:.1f} s)"
        return replace(one, state="hung", detail=detail)
    if speed and steps:
        remaining = (steps - lines[-1]["step"]) / speed - silent_s
        return replace(one, eta_s=max(0.0, remaining))
    return one


def _merged(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The last line, with what only the one before it says (a validation's line has no loss)."""
    return {key: value for line in lines for key, value in line.items()}


def _steps_per_s(lines: Sequence[Mapping[str, Any]]) -> float:
    """The pace the log itself states, else that of its `time`s; 0 if there is neither."""
    last = lines[-1]
    if not isinstance(last.get("step"), (int, float)):
        return 0.0
    stated = [line["steps_per_s"] for line in lines if line.get("steps_per_s")]
    if stated:
        return float(stated[-1])
    timed = [line for line in lines if "time" in line and "step" in line]
    if len(timed) < 2 or timed[-1]["time"] <= timed[0]["time"]:
        return 0.0
    return (timed[-1]["step"] - timed[0]["step"]) / (timed[-1]["time"] - timed[0]["time"])
