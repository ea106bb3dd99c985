"""A task in several processes: how they find each other, and which of them failed first."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FIRST_FAILURE = "rank-failure.json"
SAID = 16384  # bytes from the end of an output that are searched for the error


def rank() -> int:
    """Which of the job's tasks this process is; rank 0 judges and writes."""
    return int(os.environ.get("SLURM_PROCID", "0"))


def size() -> int:
    """How many processes the job's step has."""
    return int(os.environ.get("SLURM_NTASKS", "1"))


def output_name(number: int) -> str:
    """The file that a rank's output goes to."""
    return f"output-{number}.log" if number else "output.log"


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """torch.distributed's variables for a step of several processes; none for a single one."""
    tasks = int(environment.get("SLURM_NTASKS", "1"))
    if "SLURM_JOB_ID" not in environment or tasks < 2:
        return {}
    return {
        "RANK": environment["SLURM_PROCID"],
        "LOCAL_RANK": environment["SLURM_LOCALID"],
        "WORLD_SIZE": str(tasks),
        "LOCAL_WORLD_SIZE": environment.get("SLURM_NTASKS_PER_NODE", "1"),
        # srun starts the step from the batch script, and that runs on the first node: rank 0's.
        "MASTER_ADDR": environment["SLURM_LAUNCH_NODE_IPADDR"],
        # Jobs side by side on a node need different ports; all of a job need the same.
        "MASTER_PORT": str(20000 + int(environment["SLURM_JOB_ID"]) % 20000),
    }


def forget(folder: Path) -> None:
    """Before an attempt: what an earlier one's ranks said does not count."""
    (folder / FIRST_FAILURE).unlink(missing_ok=True)


def note_failure(folder: Path, number: int, cause: str, error: str) -> None:
    """Say that this rank's program failed. Only the first of an attempt is kept."""
    values = {
        "rank": number,
        "node": os.environ.get("SLURMD_NODENAME", ""),
        "cause": cause,
        "error": error,
    }
    with contextlib.suppress(FileExistsError), open(folder / FIRST_FAILURE, "x") as file:
        json.dump(values, file)


def first_failure(folder: Path) -> dict[str, Any] | None:
    """What the first failed rank said (`rank`, `cause`, `message`, `traceback`), if not rank 0."""
    try:
        said = json.loads((folder / FIRST_FAILURE).read_text())
    except (OSError, ValueError):
        return None
    if not said["rank"]:
        return None
    where = f"rank {said['rank']} on {said['node']}"
    trace = traceback_in(folder / output_name(said["rank"]))
    if not trace:
        return said | {"message": f"{where}: {said['error']}", "traceback": ""}
    message = trace.strip().splitlines()[-1]
    return said | {"cause": "python", "message": f"{where}: {message}", "traceback": trace}


def traceback_in(path: Path) -> str:
    """The last Python traceback in an output; empty if there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - SAID))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    start = text.rfind("Traceback (most recent call last)")
    if start < 0:
        return ""
    lines = text[start:].splitlines()
    for number, line in enumerate(lines[1:], 1):
        if line and not line.startswith((" ", "\t")):  # the error itself ends it
            return "\n".join(lines[: number + 1])
    return "\n".join(lines)
