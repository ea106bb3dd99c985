"""What the end of an attempt means: try again, give up, or wait for somebody to make room."""

import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from slurm import attempts, nodes
from slurm.files import write_json
from slurm.ranks import output_name
from slurm.task import CANCELLED, DISK, DONE, FAILED, read_failure

FULL_DISK = re.compile(
    r"No space left on device|Disk quota exceeded|ENOSPC|EDQUOT|\[Errno (28|122)\]", re.I
)
FULL_BELOW = 1_000_000  # bytes free, when a program ended without a word


def record_failure(
    folder: Path, cause: str, error: str, home: str = "", token: str = ""
) -> Literal["failed", "again"]:
    """Note a failed attempt. The third of the same kind is final and leaves `FAILED.json`.

    Args:
        home, token: launcher's folder and the job's array; failures are then counted by node.
    """
    failure = read_failure(folder)
    if cause != DISK and disk_full(folder, failure, error):
        cause = DISK
    if cause == DISK:  # no fault of the task: not counted, and it goes on when there is room
        attempts.append(folder, "interrupted", cause=DISK, error=error)
        reason = "the disk or a quota is full; make room, and submit again"
        attempts.write_failure(folder, DISK, error, gave_up=reason)
        return "failed"
    attempts.append(folder, "failed", cause=cause, error=error)
    if home:
        nodes.note(Path(home), token, folder, attempts.way({"cause": cause, "error": error}))
    reason = attempts.exhausted(folder)
    if failure.get("final"):
        reason = "trying again cannot help"
    if reason:
        attempts.write_failure(folder, cause, error, gave_up=reason)
        return "failed"
    (folder / FAILED).unlink(missing_ok=True)  # kept in attempts.jsonl; not final yet
    return "again"


def keep_rank_failure(folder: Path, other: Mapping[str, Any]) -> None:
    """Another rank failed first, and says why: rank 0 mostly ends of its silence."""
    values = {**read_failure(folder), "error": other["cause"], **other}
    write_json(folder / FAILED, values, indent=1)


def note_cancelled(folder: str | Path) -> None:
    """Somebody took the job from the queue: final until the next `submit`, no fault of the task."""
    if read_failure(folder).get("cause") == CANCELLED:
        return
    error = "taken from the queue by hand (scancel)"
    attempts.append(folder, "cancelled", cause=CANCELLED, error=error)
    attempts.write_failure(folder, CANCELLED, error)


def disk_full(folder: Path, failure: Mapping[str, Any], error: str) -> bool:
    """Whether the attempt ended for want of room on the disk, or in the quota."""
    said = f"{error}\n{failure.get('message', '')}\n{failure.get('traceback', '')}"
    if FULL_DISK.search(said):
        return True
    if failure:
        return False
    try:  # the words themselves may have found no room
        return shutil.disk_usage(folder).free < FULL_BELOW
    except OSError:
        return False


def explain_exit(code: int, output: str = output_name(0)) -> tuple[str, str]:
    """Cause and sentence for the exit of a program that left neither DONE nor FAILED."""
    if code == 0:
        return "no result", f"the program ended without an error, but wrote no {DONE}"
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        if number == signal.SIGKILL:
            if _cgroup_out_of_memory():
                return "memory", "out of memory: the kernel killed the program"
            return "killed", "killed by SIGKILL: by hand (kill -9), or by the node out of memory"
        return "killed", f"killed by {name}"
    return "exit", f"the program ended with exit code {code}; see {output}"


def _cgroup_out_of_memory() -> bool:
    try:
        own = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        events = Path("/sys/fs/cgroup" + own, "memory.events").read_text()
        return any(k == "oom_kill" and int(v) > 0 for k, v in map(str.split, events.splitlines()))
    except (OSError, ValueError):
        return False
