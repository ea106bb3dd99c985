"""What was submitted: one JSON file per submission, rewritten after every step of it.

A record is written before the job it speaks of is sent, with a token that the job carries as its
comment, so that a submission cut off at any moment can be told from one that ended.
"""

import json
import secrets
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from slurm.config import Resources
from slurm.errors import SlurmError, SlurmWarning
from slurm.files import write_json
from slurm.lease import server_time
from slurm.queue import QueuedJob
from slurm.task import Task

# sending: nothing of it may ever start; sent: all of it is to start; released: it may have started.
Phase = Literal["sending", "sent", "released"]


@dataclass
class JobRecord:
    """One job array (or the collecting job, which has no tasks)."""

    token: str
    stage: str
    tasks: list[Task]
    resources: dict[str, Any]
    job_id: str = ""  # empty: never accepted, as far as we know
    per_job: int = 1  # tasks that one element does, one after the other

    def element(self, position: int) -> str:
        """The id of one task's job; a single element is no array."""
        several = len(self.tasks) > self.per_job
        return f"{self.job_id}_{position // self.per_job}" if several else self.job_id

    def elements(self) -> Iterable[tuple[str, Task]]:
        for position, task in enumerate(self.tasks):
            yield self.element(position), task


@dataclass
class Submission:
    """One call of `submit`.

    Attributes:
        waited: job id -> tasks of earlier submissions that were in the queue, and are waited for.
        later: tasks that found no place in the queue; the collecting job sends them.
    """

    path: Path
    name: str
    created: float
    snapshot: str
    collect: list[str]
    jobs: list[JobRecord] = field(default_factory=list)
    phase: Phase = "sending"
    waited: dict[str, list[Task]] = field(default_factory=dict)
    later: list[JobRecord] = field(default_factory=list)

    def save(self) -> None:
        values = asdict(self)
        del values["path"]
        write_json(self.path, values)

    def elements(self) -> Iterable[tuple[str, Task]]:
        """Job id and task of everything that this submission sent or waits for."""
        for job in self.jobs:
            if job.job_id:
                yield from job.elements()
        for id_, tasks in self.waited.items():
            for task in tasks:
                yield id_, task


def new(
    home: Path,
    name: str,
    snapshot: Path,
    collect: Iterable[str],
    earlier: Iterable[Submission] = (),
) -> Submission:
    """A submission not yet written. It is the newest, whatever clock the machine has: jobs that
    send again are on other machines than the users'."""
    folder = home / "submissions"
    folder.mkdir(parents=True, exist_ok=True)
    after = max((submission.created for submission in earlier), default=0.0) + 0.001
    created = max(server_time(folder), after)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(created))
    path = folder / f"{stamp}-{secrets.token_hex(3)}.json"
    return Submission(path, name, created, str(snapshot), list(collect))


def token() -> str:
    """What ties a job in the queue to its record."""
    return f"task-{secrets.token_hex(8)}"


def load(path: Path) -> Submission:
    """One submission's record.

    Raises:
        SlurmError: it is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["jobs"] = [_job(job) for job in values["jobs"]]
        values["waited"] = {
            id_: [Task.from_dict(t) for t in tasks]
            for id_, tasks in values.get("waited", {}).items()
        }
        values["later"] = [_job(job) for job in values.get("later", ())]
        return Submission(path=path, **values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SlurmError(f"the record {path} of a submission cannot be read: {error}") from error


def _job(values: dict[str, Any]) -> JobRecord:
    return JobRecord(**{**values, "tasks": [Task.from_dict(task) for task in values["tasks"]]})


def load_all(home: Path) -> list[Submission]:
    """Every submission, oldest first; a damaged record is passed over, with a warning.

    What that one sent is then not known as queued; the leases still keep it from running twice.
    """
    found = []
    for path in sorted((home / "submissions").glob("[0-9]*.json")):
        try:
            found.append(load(path))
        except SlurmError as error:
            warnings.warn(f"{error}; the others are used without it", SlurmWarning, stacklevel=2)
    return sorted(found, key=lambda submission: submission.created)


def jobs_of_folders(submissions: Iterable[Submission]) -> dict[str, str]:
    """Folder -> id of the newest job that was sent for it."""
    out: dict[str, str] = {}
    for submission in submissions:
        for job in submission.jobs:
            if job.job_id and submission.phase != "sending":
                out.update((task.folder, id_) for id_, task in job.elements())
    return out


def without_strangers(
    jobs: Mapping[str, QueuedJob], submissions: Iterable[Submission]
) -> dict[str, QueuedJob]:
    """Jobs without those that have an id of ours, and another's comment: a controller that has
    lost its state gives ids anew. No comment says nothing; a site may blank them."""
    tokens: dict[str, set[str]] = defaultdict(set)
    for submission in submissions:
        for job in submission.jobs:
            tokens[job.job_id].add(job.token)
    return {
        id_: job
        for id_, job in jobs.items()
        if not job.comment or job.array not in tokens or job.comment in tokens[job.array]
    }


def resources_of(values: Mapping[str, Any]) -> Resources:
    """A recorded request, as it was asked for."""
    known = {f.name for f in fields(Resources)}
    own: dict[str, Any] = {k: v for k, v in values.items() if k in known}
    own |= {name: tuple(value) for name, value in own.items() if isinstance(value, list)}
    return Resources(**own)


def owner(home: Path, token: str) -> tuple[Submission, JobRecord] | None:
    """The submission and the array that a job belongs to, by its token."""
    for submission in reversed(load_all(home)):
        for record in submission.jobs:
            if record.token == token:
                return submission, record
    return None
