"""A task: a folder and the program that fills it. All that this package knows of the work."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DONE = "DONE.json"
FAILED = "FAILED.json"
CANCELLED = "cancelled"  # the cause of a FAILED.json that says: taken from the queue by hand
DISK = "disk"  # ... and of one that says: the disk or a quota is full


@dataclass(frozen=True)
class Task:
    """One piece of work.

    The program's side of the contract: it works in `folder` only; on USR2, TERM or INT it saves
    and leaves; started again it goes on from what the folder holds; it writes `DONE.json` last,
    atomically, when all is there, or `FAILED.json` when it cannot be.

    Attributes:
        folder: absolute path of the run folder, on a file system that the nodes share.
        argv: the program. A first word `python` is replaced by the job's own interpreter.
        stage: tasks of one stage share a job array and its resources.
        after: folders of tasks that must be done first.
        makes: files or folders in `folder` without which it is not done, whatever `DONE.json` says.
    """

    folder: str
    argv: tuple[str, ...]
    stage: str = "run"
    after: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return Path(self.folder).name

    @property
    def done(self) -> bool:
        return is_done(self.folder) and all(map(os.path.exists, self._made()))

    def _made(self) -> list[str]:
        return [f"{self.folder}/{name}" for name in self.makes]

    @property
    def failed(self) -> bool:
        return os.path.exists(f"{self.folder}/{FAILED}")

    def to_dict(self) -> dict[str, Any]:
        return {f: getattr(self, f) for f in ("folder", "argv", "stage", "after", "makes")}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Task":
        return Task(
            folder=values["folder"],
            argv=tuple(values["argv"]),
            stage=values["stage"],
            after=tuple(values["after"]),
            makes=tuple(values.get("makes", ())),
        )


def is_done(folder: str | Path) -> bool:
    """Whether a folder says so; an empty file, as a power cut may leave it, does not."""
    try:
        return os.stat(f"{folder}/{DONE}").st_size > 0
    except OSError:
        return False


def unique(tasks: Sequence[Task]) -> list[Task]:
    """Tasks without repetition of a folder (studies share cells), in order."""
    return list({task.folder: task for task in tasks}.values())


def read_failure(folder: str | Path) -> dict[str, Any]:
    """What `FAILED.json` says; empty if there is none.

    The program writes `error` (the exception's type), `message` and `traceback`, and `final` where
    trying again cannot help; this package adds `cause` (python, memory, killed, time, disk, lost,
    cancelled, ...) and `gave_up`.
    """
    try:
        values = json.loads(Path(folder, FAILED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        return {"cause": "unreadable", "error": "unreadable", "message": str(error)}
    return values if isinstance(values, dict) else {"error": str(values)}


def sentence(failure: dict[str, Any]) -> str:
    """One line for people: the exception's type and message, or the message alone."""
    error, message = str(failure.get("error", "")), str(failure.get("message", ""))
    if not message or failure.get("cause") == error:
        return message or error
    return f"{error}: {message}"
