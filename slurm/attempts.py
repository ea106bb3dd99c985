"""The history of a task's attempts, and when to stop trying.

`attempts.jsonl` in the task's folder: a line when an attempt starts and one when it ends, each
appended in one write, so that a killed attempt is known by its missing end. Only what the program
did wrong counts as a failure; a node that went away or a higher partition's claim does not.
"""

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from slurm.files import write_json
from slurm.lease import read_lease
from slurm.progress import progress
from slurm.task import CANCELLED, DISK, FAILED, read_failure, sentence

ATTEMPTS = "attempts.jsonl"
SAME_FAILURES = 3  # a task that fails in the same way this often is given up
ALL_FAILURES = 9  # and so is one that finds a new way every time
MOST_FAILURES = 50  # and one that fails for ever, though each time a little further
IDLE_STARTS = 20  # and one that was started this often and never got any further
RESERVE = ".failure-reserve"  # room for FAILED.json when the disk is full

Outcome = Literal[
    "started", "done", "interrupted", "requeued", "taken", "failed", "cancelled", "retry"
]


def append(folder: str | Path, outcome: Outcome, **values: Any) -> None:
    """Add a line; `cause` is a short word (python, killed, memory, ...), `error` a sentence.

    A full disk loses the line, and nothing else.
    """
    line = {
        "time": time.time(),
        "outcome": outcome,
        "host": socket.gethostname(),
        "node": os.environ.get("SLURMD_NODENAME", ""),
        "job": job_id(),
        "progress": progress(folder),
        **values,
    }
    descriptor = os.open(Path(folder, ATTEMPTS), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        with contextlib.suppress(OSError):
            os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)


def read(folder: str | Path) -> list[dict[str, Any]]:
    """All lines, oldest first; a line cut off by a crash is skipped."""
    try:
        text = Path(folder, ATTEMPTS).read_text(encoding="utf-8")
    except OSError:
        return []
    lines = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


@dataclass(frozen=True)
class Spent:
    """Time that attempts took, whatever came of them."""

    run_hours: float = 0.0
    gpu_hours: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.run_hours + other.run_hours, self.gpu_hours + other.gpu_hours)


def spent(folders: Iterable[str | Path]) -> Spent:
    """What the attempts of tasks have taken so far: of those that ended with a word, and of one
    that is under way."""
    total = Spent()
    for folder in folders:
        lines = read(folder)
        for line, following in zip_longest(lines, lines[1:]):
            if line["outcome"] != "started":
                continue
            if following is None:
                end = line["time"] if _over(folder) else time.time()
            else:  # an attempt that was lost with its node ended nobody knows when
                end = line["time"] if following["outcome"] == "started" else following["time"]
            hours = (end - line["time"]) / 3600
            total += Spent(hours, hours * line.get("gpus", 0))
    return total


def _over(folder: str | Path) -> bool:
    newest = read_lease(folder)
    return newest is None or newest.released or newest.owner_died()


def gpus_of_job() -> int:
    """How many GPUs SLURM gave this job, on all its nodes."""
    here = int(os.environ.get("SLURM_GPUS_ON_NODE", "0"))
    return here * int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))


def exhausted(folder: str | Path) -> str:
    """Why no further attempt should be made; empty if one should.

    Failures count from the last time the task got further than ever before.
    """
    failures: list[str] = []
    furthest = -1
    idle = total = 0
    for line in read(folder):
        here = int(line.get("progress", 0))
        if line["outcome"] == "retry":  # somebody looked and asked for another try
            failures.clear()
            idle = total = 0
        elif here > furthest and furthest >= 0:
            failures.clear()
            idle = 0
        furthest = max(furthest, here)
        if line["outcome"] == "failed":
            failures.append(way(line))
            total += 1
        elif line["outcome"] == "started":
            idle += 1
    if failures and failures.count(failures[-1]) >= SAME_FAILURES:
        return f"failed in the same way {SAME_FAILURES} times"
    if len(failures) >= ALL_FAILURES or total >= MOST_FAILURES:
        return f"failed {max(len(failures), total)} times"
    if idle >= IDLE_STARTS:
        return f"started {IDLE_STARTS} times without getting any further"
    return ""


def reserve(folder: str | Path) -> None:
    """Keep room for a failure's words: a full disk is a failure too."""
    with contextlib.suppress(OSError):
        Path(folder, RESERVE).write_bytes(b" " * 8192)


def write_failure(folder: str | Path, cause: str, error: str, gave_up: str = "") -> None:
    """Write `FAILED.json`, or add to the one that the program wrote. Atomic."""
    values = {
        "error": cause,
        "message": error,
        "traceback": "",
        **read_failure(folder),
        "cause": cause,
        "gave_up": gave_up,
        "attempts": sum(line["outcome"] == "failed" for line in read(folder)),
        "job": job_id(),
        "node": os.environ.get("SLURMD_NODENAME", socket.gethostname()),
        "time": time.time(),
    }
    path, room = Path(folder, FAILED), Path(folder, RESERVE)
    try:
        write_json(path, values, indent=1)
    except OSError:
        # In the place that was kept: whoever overwrites needs no more room.
        text = json.dumps({**values, "traceback": str(values["traceback"])[-4000:]})[:8192]
        with open(room, "r+b") as file:
            file.write(text.encode().ljust(8192))
        os.replace(room, path)
    room.unlink(missing_ok=True)


def clear_failure(folder: str | Path) -> None:
    """Make a failed task able to run again, keeping what is known of the failure.

    Whoever removes the file counts it: two clearing at once leave one line.
    """
    failure = read_failure(folder)
    try:
        os.unlink(Path(folder, FAILED))
    except FileNotFoundError:
        return
    append(folder, "retry", cause=failure.get("cause", ""), error=sentence(failure))


def may_go_on(folder: str | Path) -> bool:
    """Whether the task failed only for want of leave or room: taken from the queue, a full disk."""
    return read_failure(folder).get("cause") in (CANCELLED, DISK)


def job_id() -> str:
    """This job's id as `squeue` prints it (`12` or `12_3`); empty outside of SLURM."""
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID", "")


def way(line: dict[str, Any]) -> str:
    """What makes two failures the same: cause and message, whatever numbers stand in it."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", f"{line.get('cause')}: {line.get('error')}")
