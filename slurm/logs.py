"""The output of a task, from its folder."""

import time
from collections.abc import Iterator
from pathlib import Path

from slurm.ranks import output_name
from slurm.task import FAILED, is_done

OUTPUT = output_name(0)

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
        settled = is_done(folder) or (folder / FAILED).exists()
        if path.exists():
            with open(path, "rb") as file:
                file.seek(position)
                if text := file.read():
                    position += len(text)
                    yield text.decode("utf-8", "replace")
        if settled:
            return
        time.sleep(POLL_S)
