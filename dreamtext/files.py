"""Files: their hash, writing them whole or not at all, and the names a training's folder holds."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from dreamtext.errors import Interrupted

# What `dreamtext.training.loop.train` leaves in its folder.
LOG = "log.jsonl"
MODEL = "model"
CHECKPOINTS = "checkpoints"
VALIDATION = "validation"


_may_write: ContextVar[Callable[[], bool]] = ContextVar("may_write", default=lambda: True)


@contextmanager
def writing_while(may_write: Callable[[], bool]) -> Iterator[None]:
    """Within the block, `may_write` is asked before every write to a run's folder."""
    before = _may_write.set(may_write)
    try:
        yield
    finally:
        _may_write.reset(before)


def refuse_if_overtaken() -> None:
    """Before a write that others could see.

    A process that was suspended may wake up after another has taken its folder over.

    Raises:
        Interrupted: the folder is another's by now.
    """
    if not _may_write.get()():
        raise Interrupted("another process has taken the run over; this one leaves it alone")


def to_disk(path: Path) -> None:
    """Wait until a file, or the files of a folder, would survive a power cut."""
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it becomes `path` when the block ends without an error.

    The file is on the disk before it is renamed, so that after a power cut there is the old file or
    the new one. The suffix stays, since libraries read the format off it; the folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield beside
        to_disk(beside)
        refuse_if_overtaken()
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with written_whole(path) as beside:
        beside.write_text(text, "utf-8")


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file whole or not at all."""
    write_text(path, json.dumps(values, indent=1) + "\n")
