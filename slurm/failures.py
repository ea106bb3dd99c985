"""Failed tasks, grouped by what went wrong, each group with its likely cause and last lines."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slurm import attempts, ranks
from slurm.ranks import output_name
from slurm.task import Task, read_failure, sentence

# First match wins. What is matched: the cause, the message, the traceback and the last output.
_LIKELY = (
    (r"exit code .* of the setup line", "a line of `setup` in cluster.toml does not work there"),
    (r"CUDA out of memory|OutOfMemoryError", "out of memory on the GPU: a smaller batch"),
    (
        r"\bmemory\b.*SLURM killed|oom.kill|MemoryError|out of memory|Cannot allocate memory",
        "out of memory: retry with --more-memory",
    ),
    (r"No space left on device|Disk quota exceeded|ENOSPC|EDQUOT", "the disk or a quota is full"),
    (
        r"(weights?|checkpoint|\.safetensors|\.pth?|\.onnx).*(not found|No such file|missing)"
        r"|(not found|No such file|missing).*(weights?|checkpoint|\.safetensors|\.pth?|\.onnx)",
        "a weight file is missing on the node",
    ),
    (
        r"\bnan\b|not finite|non-finite|\binf\b loss",
        "the loss became NaN: learning rate, precision",
    ),
    (r"without getting any further", "save more often: every start ended before the next save"),
    (
        r"\bnode\b|NODE_FAIL|CUDA error|Bus error|Input/output error|ECC|NCCL|Stale file handle",
        "the node or its GPU: retry, and exclude the node if it repeats",
    ),
    (r"time limit", "the time limit: ask for more time, or save more often"),
    (r"ModuleNotFoundError|ImportError", "a package is missing in the node's environment"),
    (r"taken from the queue|cancelled", "cancelled by hand"),
    (r"SIGKILL", "killed by hand, or by the node out of memory: retry with --more-memory"),
)


@dataclass(frozen=True)
class FailureGroup:
    """Tasks that failed in the same way."""

    message: str
    cause: str
    likely: str
    tasks: list[Task] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    gave_up: str = ""
    last_lines: list[str] = field(default_factory=list)


def group(tasks: Iterable[Task], lines: int = 5) -> list[FailureGroup]:
    """Failed tasks by error, the largest group first; `lines` of the first one's output."""
    groups: dict[str, FailureGroup] = {}
    for task in tasks:
        failure = read_failure(task.folder)
        if not failure or task.done:
            continue
        message, cause = sentence(failure), str(failure.get("cause", "python"))
        key = re.sub(r"0x[0-9a-f]+|\d+", "#", f"{cause}: {message}")
        if key not in groups:
            first = ranks.first_failure(Path(task.folder))
            output = output_name(first["rank"]) if first else output_name(0)
            last = last_lines(task.folder, lines, output)
            text = "\n".join([cause, message, str(failure.get("traceback", "")), *last])
            groups[key] = FailureGroup(
                message,
                cause,
                likely(text),
                gave_up=str(failure.get("gave_up", "")),
                last_lines=last,
            )
        groups[key].tasks.append(task)
        node = _node(task, failure)
        if node and node not in groups[key].nodes:
            groups[key].nodes.append(node)
    return sorted(groups.values(), key=lambda g: -len(g.tasks))


def likely(text: str) -> str:
    """The probable cause of an error, in words that say what to do; empty if not recognised."""
    for pattern, cause in _LIKELY:
        if re.search(pattern, text, re.IGNORECASE):
            return cause
    return ""


def last_lines(folder: str | Path, count: int, name: str = output_name(0)) -> list[str]:
    """The end of a task's output, without progress bars' overwritten states."""
    try:
        with open(Path(folder, name), "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return [line for line in lines if line][-count:]


def out_of_memory(task: Task) -> bool:
    """Whether more memory would be the answer to this task's failure."""
    failure = read_failure(task.folder)
    text = f"{sentence(failure)}\n{failure.get('traceback', '')}"
    return failure.get("cause") == "memory" or "MemoryError" in text


def _node(task: Task, failure: dict[str, Any]) -> str:
    if failure.get("node"):
        return str(failure["node"])
    for line in reversed(attempts.read(task.folder)):
        if line.get("node"):
            return str(line["node"])
    return ""
