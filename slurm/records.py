"""What was submitted: one JSON file per submission, rewritten after every step of it.

A record is written before the job it speaks of is sent, with a token that the job carries as its
comment, so that a submission cut off at any moment can be told from one that ended.
"""

import json
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slurm.config import Resources
from slurm.errors import SlurmError
from slurm.queue import QueuedJob
from slurm.task import Task


@dataclass
class JobRecord:
    """One job array (or the collecting job, which has no tasks)."""

    token: str
    stage: str
    tasks: list[Task]
    resources: dict[str, Any]
    job_id: str = ""  # empty: never accepted, as far as we know
    released: bool = False

    def element(self, position: int) -> str:
        """The id of one task's job; a single task is no array."""
        return self.job_id if len(self.tasks) <= 1 else f"{self.job_id}_{position}"

    def elements(self) -> Iterable[tuple[str, Task]]:
        for position, task in enumerate(self.tasks):
            yield self.element(position), task


@dataclass
class Submission:
    """One call of `submit`."""

    path: Path
    name: str
    created: float
    snapshot: str
    collect: list[str]
    jobs: list[JobRecord] = field(default_factory=list)

    def save(self) -> None:
        values = asdict(self)
        del values["path"]
        draft = self.path.with_name(f".{self.path.name}-{os.getpid()}")
        draft.write_text(json.dumps(values), encoding="utf-8")
        os.replace(draft, self.path)


def new(home: Path, name: str, snapshot: Path, collect: Iterable[str]) -> Submission:
    """A submission not yet written. Names sort by time."""
    folder = home / "submissions"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    path = folder / f"{stamp}-{secrets.token_hex(3)}.json"
    return Submission(path, name, time.time(), str(snapshot), list(collect))


def token() -> str:
    """What ties a job in the queue to its record."""
    return f"task-{secrets.token_hex(8)}"


def load(path: Path) -> Submission:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        jobs = [
            JobRecord(**{**job, "tasks": [Task.from_dict(t) for t in job["tasks"]]})
            for job in values.pop("jobs")
        ]
        return Submission(path=path, jobs=jobs, **values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SlurmError(f"the record {path} of a submission cannot be read: {error}") from error


def load_all(home: Path) -> list[Submission]:
    """Every submission, oldest first."""
    folder = home / "submissions"
    return [load(path) for path in sorted(folder.glob("[0-9]*.json"))]


def jobs_of_folders(submissions: Iterable[Submission]) -> dict[str, str]:
    """Folder -> id of the newest job that was sent for it."""
    out: dict[str, str] = {}
    for submission in submissions:
        for job in submission.jobs:
            if job.job_id:
                out.update((task.folder, id_) for id_, task in job.elements())
    return out


def repair(submissions: Iterable[Submission], jobs: Mapping[str, QueuedJob]) -> list[str]:
    """Job ids that a cut-off submission left held: nobody will ever release them."""
    leftover = []
    found: dict[str, set[str]] = {}
    for queued in jobs.values():
        if queued.alive and queued.comment.startswith("task-"):
            found.setdefault(queued.comment, set()).add(queued.id.partition("_")[0])
    for submission in submissions:
        for job in submission.jobs:
            if not job.released and job.token in found:
                leftover.extend(sorted(found[job.token]))
    return leftover


def resources_of(job: JobRecord) -> Resources:
    values = dict(job.resources)
    for name in ("setup", "keep_environment"):
        values[name] = tuple(values.get(name, ()))
    return Resources(**values)
