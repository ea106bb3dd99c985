"""A study's runs in outline: their names, what they wait for, how long they are.

That is all that `study status`, `failures` and `cancel` need, and finding a thousand names takes
longer than looking after the runs. So an outline is kept in the launcher's folder and used again
as long as nothing that decides names has changed. Imports neither the study nor numpy.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamtext import places
from dreamtext.files import write_text
from slurm.task import Task

if TYPE_CHECKING:
    from benchmarks.runs.folder import Run

_PROJECT = places.project()
_DECIDING = ("dreamtext", "baselines", "benchmarks")  # packages that decide a run's name
_KEPT = 8  # outlines of a runs folder, the newest


@dataclass(frozen=True)
class Outline:
    """Tasks with, by their folder, a title for people and the steps of a training."""

    tasks: list[Task]
    titles: dict[str, str]
    steps: dict[str, int]


def outline(runs: Sequence["Run"]) -> Outline:
    """The outline of runs, in their order."""
    from benchmarks.launch import tasks as grid

    tasks = grid.tasks(runs)
    titles = {task.folder: run.title for task, run in zip(tasks, runs, strict=True)}
    return Outline(tasks, titles, grid.steps(runs))


def with_shards(whole: Outline) -> Outline:
    """With the shares that samplings were begun in: the folders know them, not the study."""
    from benchmarks.launch.tasks import divided

    return replace(whole, tasks=[part for task in whole.tasks for part in divided(task)])


def recall(asked: Mapping[str, Any], root: Path, find: Callable[[], Sequence["Run"]]) -> Outline:
    """The outline of the runs that `find` finds, from an earlier call where that is sure.

    Args:
        asked: the study and how it was narrowed, as plain values.
        root: folder of the runs, absolute.
    """
    from benchmarks.launch.tasks import home

    path = home(root) / "outlines" / f"{_key(asked, root)}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        values = json.loads(path.read_text())
        tasks = [Task.from_dict(task) for task in values["tasks"]]
        return Outline(tasks, values["titles"], values["steps"])
    runs = find()
    found = outline(runs)
    if root.is_dir() and all(map(_named_by_code_alone, runs)):
        with contextlib.suppress(OSError):  # of another user, or read-only: nothing is kept
            _keep(path, found)
    return found


def _keep(path: Path, found: Outline) -> None:
    values = {"tasks": [t.to_dict() for t in found.tasks]}
    write_text(path, json.dumps({**values, "titles": found.titles, "steps": found.steps}))
    kept = sorted(path.parent.glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in kept[_KEPT:]:
        old.unlink(missing_ok=True)


def _named_by_code_alone(run: "Run") -> bool:
    """Names of other systems, data sets, frozen manifests and scores with a judge or weight files
    of the user's own also depend on files elsewhere."""
    settings = run.settings
    return (
        settings["config"]["data"]["name"] == "embedded"
        and settings.get("system", "dreamtext") == "dreamtext"
        and not settings.get("benchmark", {}).get("file")
        and not run.identity.keys() & {"judge", "inception", "alexnet"}
    )


def _key(asked: Mapping[str, Any], root: Path) -> str:
    """A hash of everything that decides the names: what was asked, and the code's files."""
    parts = [json.dumps(asked, sort_keys=True, default=str), str(root)]
    for package in _DECIDING:
        parts += _files(str(_PROJECT / package))
    name = str(asked["name"])
    if name.endswith(".py"):  # with its neighbours, which it may import
        parts += sorted(_state(entry) for entry in _scan(os.path.dirname(name) or ".", ".py"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _files(folder: str) -> list[str]:
    found = []
    for entry in _scan(folder):
        if entry.is_dir():
            found += _files(entry.path)
        else:
            found.append(_state(entry))
    return sorted(found)


def _scan(folder: str, ending: str = "") -> Iterator[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name != "__pycache__" and entry.name.endswith(ending):
                yield entry


def _state(entry: "os.DirEntry[str]") -> str:
    found = entry.stat()
    return f"{os.path.abspath(entry.path)} {found.st_size} {found.st_mtime_ns}"
