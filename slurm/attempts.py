"""The history of a task's attempts, and when to stop trying.

`attempts.jsonl` in the task's folder: a line when an attempt starts and one when it ends, each
appended in one write, so that a killed attempt is known by its missing end.
"""

import json
import os
import re
import socket
import time
from pathlib import Path
from typing import Any, Literal

from slurm.task import CANCELLED, FAILED, read_failure, sentence

ATTEMPTS = "attempts.jsonl"
SAME_FAILURES = 3  # a task that fails in the same way this often is given up
ALL_FAILURES = 9  # and so is one that finds a new way every time

Outcome = Literal["started", "done", "interrupted", "failed", "cancelled", "retry"]


def append(folder: str | Path, outcome: Outcome, **values: Any) -> None:
    """Add a line; `cause` is a short word (python, killed, memory, ...), `error` a sentence."""
    line = {
        "time": time.time(),
        "outcome": outcome,
        "host": socket.gethostname(),
        "node": os.environ.get("SLURMD_NODENAME", ""),
        "job": job_id(),
        **values,
    }
    descriptor = os.open(Path(folder, ATTEMPTS), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
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


def exhausted(folder: str | Path) -> str:
    """Why no further attempt should be made; empty if one should."""
    failures: list[str] = []
    for line in read(folder):
        if line["outcome"] == "retry":
            failures.clear()  # somebody looked and asked for another try
        elif line["outcome"] == "failed":
            failures.append(_way(line))
    if failures and failures.count(failures[-1]) >= SAME_FAILURES:
        return f"failed in the same way {SAME_FAILURES} times"
    if len(failures) >= ALL_FAILURES:
        return f"failed {ALL_FAILURES} times"
    return ""


def open_attempt(folder: str | Path) -> dict[str, Any] | None:
    """The attempt that started and, as far as the folder tells, never ended."""
    lines = read(folder)
    return lines[-1] if lines and lines[-1]["outcome"] == "started" else None


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
    draft = Path(folder, f".{FAILED}-{os.getpid()}")
    draft.write_text(json.dumps(values, indent=1), encoding="utf-8")
    os.replace(draft, Path(folder, FAILED))


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


def was_cancelled(folder: str | Path) -> bool:
    """Whether the task failed only because somebody took it from the queue."""
    return read_failure(folder).get("cause") == CANCELLED


def job_id() -> str:
    """This job's id as `squeue` prints it (`12` or `12_3`); empty outside of SLURM."""
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID", "")


def _way(line: dict[str, Any]) -> str:
    """What makes two failures the same: cause and message, whatever numbers stand in it."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", f"{line.get('cause')}: {line.get('error')}")
