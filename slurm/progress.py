"""How far a task has come, told from its folder: so that trying again is worth it while it gets on.

The program's log says it where there is one (`log.jsonl`, lines with `step`), else the number of
files that the program has left. A log is further than any number of files.
"""

import json
import os
from pathlib import Path
from typing import Any

LOG = "log.jsonl"
TAIL_LINES = 12  # enough for the pace, and quick to read for hundreds of running tasks
MOST_FILES = 100_000
_OURS = ("lease-", "attempts.jsonl", "output", "FAILED.json", "rank-failure", "spec.json")
_TRACKERS = {"tensorboard", "wandb", "trackio", "mlruns"}  # they begin anew at every start


def progress(folder: str | Path) -> int:
    """A number that grows with the work done; 0 for an empty or missing folder."""
    if lines := tail(Path(folder, LOG)):
        return MOST_FILES + max(int(line["step"]) for line in lines)
    count = 0
    for path, folders, files in os.walk(folder):
        if path == str(folder):
            files = [name for name in files if not name.startswith((".", *_OURS))]
        kept = [name for name in folders if name not in _TRACKERS and name[0] != "."]
        folders[:] = kept
        count += len(files)
        if count >= MOST_FILES:
            break
    return count


def tail(path: Path, size: int = 4096) -> list[dict[str, Any]]:
    """The last few JSON lines of a log that have a step, without reading all of it."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = []
    for line in text.splitlines()[-TAIL_LINES:]:
        try:
            value = json.loads(line)
        except ValueError:
            continue  # cut off at either end
        if isinstance(value, dict) and isinstance(value.get("step"), (int, float)):
            lines.append(value)
    return lines
