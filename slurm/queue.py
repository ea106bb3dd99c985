"""What SLURM says about jobs. It tells what is alive; never what is done."""

import getpass
import re
import shutil
import subprocess
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


@dataclass(frozen=True)
class QueuedJob:
    """One job or array element as SLURM knows it."""

    id: str  # `12` or `12_3`
    state: str  # RUNNING, PENDING, FAILED, OUT_OF_MEMORY, ...
    reason: str = ""
    nodes: str = ""
    comment: str = ""

    @property
    def alive(self) -> bool:
        return self.state in ALIVE


def available() -> bool:
    """Whether SLURM's clients are on this machine."""
    return shutil.which("sbatch") is not None and shutil.which("squeue") is not None


def mine() -> dict[str, QueuedJob]:
    """All of the user's jobs that the controller still remembers, by id.

    Raises:
        SlurmInputError: no SLURM on this machine.
        SlurmError: the controller does not answer.
    """
    command = ["squeue", "-h", "-r", "-t", "all", "-u", getpass.getuser(), "-o", "%i|%T|%r|%N|%k"]
    jobs = {}
    for line in run(command).splitlines():
        id_, state, reason, nodes, comment = line.split("|", 4)
        jobs[id_] = QueuedJob(id_, state, reason, nodes, comment)
    return jobs


def ended(ids: Iterable[str]) -> dict[str, QueuedJob]:
    """Jobs that the controller has forgotten, from the accounting; empty without accounting."""
    wanted = sorted({id_.partition("_")[0] for id_ in ids})
    if not wanted or shutil.which("sacct") is None:
        return {}
    command = ["sacct", "-X", "-n", "-P", "-o", "JobID,State,NodeList", "-j", ",".join(wanted)]
    try:
        out = run(command)
    except SlurmError:
        return {}
    jobs = {}
    for line in out.splitlines():
        id_, state, nodes = line.split("|")[:3]
        jobs[id_] = QueuedJob(id_, state.split(" ")[0], nodes=nodes)
    return jobs


def cancel(ids: Iterable[str]) -> None:
    """`scancel`; jobs that have ended are no error."""
    if ids := list(ids):
        run(["scancel", "--quiet", *ids])


def release(ids: Iterable[str]) -> None:
    """Let held jobs start."""
    if ids := list(ids):
        run(["scontrol", "release", *ids])


def requeue(id_: str) -> None:
    """Put a running job back into the queue, to start again from its run folder."""
    run(["scontrol", "requeue", id_])


def max_array_size() -> int:
    """How many elements one job array may have on this cluster."""
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", run(["scontrol", "show", "config"]), re.M)
    return max(1, int(match[1])) if match else 1001


def node_addresses() -> set[str]:
    """Addresses of the cluster's nodes."""
    return set(run(["sinfo", "-h", "-N", "-o", "%o"]).split())


def run(command: list[str], timeout_s: float = TIMEOUT_S) -> str:
    """Run one of SLURM's clients and return what it prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except FileNotFoundError as error:
        raise SlurmInputError(
            f"'{command[0]}' was not found: this machine is no SLURM login node. Run on this "
            f"machine alone with --on local, or try a cluster: python -m slurm.cluster up"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{command[0]} did not answer within {timeout_s:g} s") from error
    if done.returncode:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise SlurmError(f"{command[0]} failed: {said}")
    return done.stdout
