"""The output of a task, from its folder."""

import time
from collections.abc import Iterator
from pathlib import Path

from slurm.job import OUTPUT
from slurm.task import DONE, FAILED

POLL_S = 0.3


def last(folder: Path, lines: int) -> str:
    """The last lines of a task's output (0: all of it); says so if there is none yet."""
    try:
        text = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return f"{folder.name} has not started: no {OUTPUT} yet\n"
    return "".join(text.splitlines(keepends=True)[-lines:])


def follow(folder: Path) -> Iterator[str]:
    """What is appended from now on, until the task is done or has failed."""
    path = folder / OUTPUT
    position = path.stat().st_size if path.exists() else 0
    while True:
        settled = (folder / DONE).exists() or (folder / FAILED).exists()
        if path.exists():
            with open(path, "rb") as file:
                file.seek(position)
                if text := file.read():
                    position += len(text)
                    yield text.decode("utf-8", "replace")
        if settled:
            return
        time.sleep(POLL_S)
