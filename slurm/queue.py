"""What SLURM says about jobs. It tells what is alive; never what is done."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass

from slurm.errors import SlurmError, SlurmInputError

# States in which a job is, or will be again, at work.
ALIVE = frozenset(
    {
        "PENDING",
        "CONFIGURING",
        "RUNNING",
        "COMPLETING",
        "REQUEUED",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "SUSPENDED",
        "STOPPED",
        "RESIZING",
        "SIGNALING",
        "STAGE_OUT",
        "SPECIAL_EXIT",
        "RESV_DEL_HOLD",
    }
)
TIMEOUT_S = 60
TRIES, PAUSE_S = 3, 0.5  # of questions to a controller that is busy or just being started
BUSY = re.compile(
    r"timed out|did not answer|Unable to contact|Connection refused|temporarily unavailable", re.I
)
REQUEUE_TRIES, REQUEUE_PAUSE_S = 60, 5.0  # a controller that is being restarted takes minutes
REFUSED = re.compile(r"Invalid job id|Access.*denied|disabled", re.I)  # asking again is no use
ENDED = re.compile(r"Invalid job id|already complet|Job/step already", re.I)


@dataclass(frozen=True)
class QueuedJob:
    """One job or array element as SLURM knows it."""

    id: str  # `12` or `12_3`
    state: str  # RUNNING, PENDING, FAILED, OUT_OF_MEMORY, ...
    reason: str = ""
    nodes: str = ""
    comment: str = ""
    priority: int = 1  # 0: held

    @property
    def alive(self) -> bool:
        return self.state in ALIVE

    @property
    def held(self) -> bool:
        """Whether it waits to be released, by whoever holds it."""
        return self.state == "PENDING" and self.priority == 0

    @property
    def array(self) -> str:
        """The id that its whole array goes by."""
        return self.id.partition("_")[0]


def available() -> bool:
    """Whether SLURM's clients are on this machine."""
    return shutil.which("sbatch") is not None and shutil.which("squeue") is not None


def mine() -> dict[str, QueuedJob]:
    """All of the user's jobs that the controller still remembers, by id.

    Raises:
        SlurmInputError: no SLURM on this machine.
        SlurmError: the controller does not answer.
    """
    command = ["squeue", "-h", "-r", "-t", "all", "-u", str(os.getuid()), "-o"]
    jobs = {}
    for line in run([*command, "%i|%T|%Q|%r|%N|%k"], tries=TRIES).splitlines():
        fields = line.split("|", 5)
        if len(fields) < 6:
            continue  # a cluster's name above its jobs, or more of somebody's comment
        id_, state, priority, reason, nodes, comment = fields
        number = int(priority) if priority.isdigit() else 1
        comment = "" if comment == "(null)" else comment
        jobs[id_] = QueuedJob(id_, state, reason, nodes, comment, number)
    return jobs


def state(id_: str) -> str:
    """SLURM's word for one job right now; empty if the controller does not answer or know it."""
    try:
        out = run(["scontrol", "show", "job", "-o", id_], tries=TRIES)
    except SlurmError:
        return ""
    match = re.search(r"\bJobState=(\w+)", out)
    return match[1] if match else ""


def ended(ids: Iterable[str]) -> dict[str, QueuedJob]:
    """Jobs that the controller has forgotten, from the accounting; empty without accounting."""
    wanted = sorted({id_.partition("_")[0] for id_ in ids})
    if not wanted or shutil.which("sacct") is None:
        return {}
    command = ["sacct", "-X", "-n", "-P", "-o", "JobID,State,NodeList", "-j", ",".join(wanted)]
    try:
        out = run(command, tries=TRIES)
    except SlurmError:
        return {}
    jobs = {}
    for line in out.splitlines():
        id_, state, nodes = line.split("|")[:3]
        jobs[id_] = QueuedJob(id_, state.split(" ")[0], nodes=nodes)
    return jobs


def cancels_preempted(partition: str) -> bool:
    """Whether a partition cancels the jobs that a higher one displaces, instead of requeueing."""
    try:
        said = run(["scontrol", "show", "partition", "-o", partition], tries=TRIES)
    except SlurmError:
        return True
    return re.search(r"\bPreemptMode=\S*CANCEL", said) is not None


def cancel(ids: Iterable[str]) -> None:
    """`scancel`; jobs that have ended are no error."""
    if ids := sorted(set(ids)):
        try:
            run(["scancel", *ids], tries=TRIES)
        except SlurmError as error:
            if not ENDED.search(str(error)):
                raise


def release(ids: Iterable[str]) -> None:
    """Let held jobs start."""
    if ids := sorted(set(ids)):
        run(["scontrol", "release", *ids], tries=TRIES)


def requeue(id_: str, tries: int = REQUEUE_TRIES) -> None:
    """Put a running job back into the queue, to start again from its run folder.

    Raises:
        SlurmError: it is refused, or the controller has not answered for some minutes.
    """
    for left in reversed(range(tries)):
        try:
            run(["scontrol", "requeue", id_])
            return
        except SlurmError as error:
            if not left or REFUSED.search(str(error)):
                raise
            print(f"requeue: {error}", flush=True)
            time.sleep(REQUEUE_PAUSE_S)


def exclude(ids: Iterable[str], nodes: Iterable[str]) -> None:
    """Keep waiting jobs from nodes; jobs that no longer wait are left as they are."""
    for id_ in ids:
        with contextlib.suppress(SlurmError):
            words = [f"JobId={id_}", f"ExcNodeList={','.join(nodes)}"]
            run(["scontrol", "update", *words], tries=TRIES)


@dataclass(frozen=True)
class Limits:
    """How much the cluster takes at once."""

    array_size: int = 1001  # elements of one array
    jobs: int = 10_000  # in the controller's memory, everybody's


def limits() -> Limits:
    """What the controller's configuration says of arrays and jobs."""
    said = run(["scontrol", "show", "config"], tries=TRIES)

    def number(name: str, default: int) -> int:
        match = re.search(rf"^{name}\s*=\s*(\d+)", said, re.M)
        return max(1, int(match[1])) if match else default

    return Limits(number("MaxArraySize", 1001), number("MaxJobCount", 10_000))


def node_addresses() -> set[str]:
    """Addresses of the cluster's nodes."""
    return set(run(["sinfo", "-h", "-N", "-o", "%o"], tries=TRIES).split())


_ELSE = "Run on this machine alone with --on local, or try a cluster: python -m slurm.cluster up"


def run(command: list[str], timeout_s: float = TIMEOUT_S, tries: int = 1) -> str:
    """Run one of SLURM's clients and return what it prints.

    Args:
        tries: how often to ask a controller that does not answer, for what may be asked twice.

    Raises:
        SlurmInputError: there is no such client.
        SlurmError: it failed; the message is its own.
    """
    for _ in range(tries - 1):
        try:
            return run(command, timeout_s)
        except SlurmError as error:
            if not BUSY.search(str(error)):
                raise
            time.sleep(PAUSE_S)
    # What a user has set for his own looks (SQUEUE_PARTITION, ...) must not hide jobs from us.
    own = ("SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",  # others' comments and names are in any encoding
            timeout=timeout_s,
            env=env,
        )
    except FileNotFoundError as error:
        raise SlurmInputError(
            f"'{command[0]}' was not found: this machine is no SLURM login node. {_ELSE}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{command[0]} did not answer within {timeout_s:g} s") from error
    if done.returncode:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        if "configuration source" in said:
            raise SlurmError(f"{command[0]} knows of no cluster here ({said}). {_ELSE}")
        raise SlurmError(f"{command[0]} failed: {said}")
    return done.stdout
