"""Run folders: `runs/<stage>-<signature>/`. The only reader and writer of them.

Done means `DONE.json` exists; it is written last, at once. Nothing else says done.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from dreamtext.errors import Interrupted, RunError
from dreamtext.configs.schema import signature
from slurm.lease import Lease

Stage = Literal["train", "sample", "score"]
State = Literal["missing", "started", "done", "failed"]

_RECORDED = ("torch", "diffusers", "accelerate", "numpy", "paddleocr", "onnxruntime", "clean-fid")


def default_root() -> Path:
    """Where runs live: $DREAMTEXT_RUNS, else ./runs."""
    return Path(os.environ.get("DREAMTEXT_RUNS", "runs"))


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(values, indent=1) + "\n")
    os.replace(beside, path)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One stage of one configuration, and its folder.

    Attributes:
        identity: plain values the signature is a hash of; it holds the parents' signatures.
        settings: everything needed to run the stage, the full configuration included.
        parents: folder names of the stages it reads, by stage.
        title: for people: study, variant and seed.
    """

    stage: Stage
    identity: dict[str, Any]
    settings: dict[str, Any]
    parents: dict[str, str]
    root: Path
    title: str = ""

    @cached_property
    def name(self) -> str:
        return f"{self.stage}-{signature({'stage': self.stage, **self.identity})}"

    @cached_property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def state(self) -> State:
        return state(self.folder)

    def prepare(self) -> Path:
        """Make the folder with its `spec.json`, so that the stage can be run from the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "spec.json"
        if path.exists():
            _refuse_other(path, self.identity)
        else:
            spec = {
                "stage": self.stage,
                "title": self.title,
                "identity": self.identity,
                "settings": self.settings,
                "parents": self.parents,
            }
            write_json(path, spec)
        return self.folder


def load(folder: Path) -> Run:
    """A run from its folder.

    Raises:
        RunError: there is no run in the folder, or its `spec.json` is damaged.
    """
    path = folder / "spec.json"
    try:
        spec = json.loads(path.read_text())
        run = Run(root=folder.parent, **{k: spec[k] for k in _SPEC})
    except FileNotFoundError as error:
        raise RunError(f"{folder} is no run folder: it has no spec.json") from error
    except (json.JSONDecodeError, KeyError) as error:
        raise RunError(f"{path} is damaged ({error}); remove {folder} and plan again") from error
    if run.name != folder.name:
        raise RunError(
            f"{folder} holds the run {run.name}: it was renamed or its spec.json was edited; "
            "remove the folder and run the study again"
        )
    return run


_SPEC = ("stage", "identity", "settings", "parents", "title")


def state(folder: Path) -> State:
    """What a run's folder says of it."""
    if (folder / "DONE.json").exists():
        return "done"
    if (folder / "FAILED.json").exists():
        return "failed"
    return "started" if (folder / "spec.json").exists() else "missing"


def _refuse_other(path: Path, identity: dict[str, Any]) -> None:
    try:
        found = json.loads(path.read_text())["identity"]
    except (json.JSONDecodeError, KeyError) as error:
        raise RunError(
            f"{path} is damaged ({error}); remove {path.parent} and start again"
        ) from error
    if found != json.loads(json.dumps(identity)):
        raise RunError(
            f"{path.parent} belongs to a run of another configuration; move it away, or name "
            "another folder with --runs"
        )


def leads() -> bool:
    """Whether this process is the first, or only, task of its job."""
    several = int(os.environ.get("SLURM_NTASKS", "1")) > 1
    return not several or os.environ.get("SLURM_PROCID", "0") == "0"


class AlreadyDone(RunError):
    """Another process finished the run between looking at it and taking its lease."""


@contextmanager
def working(run: Run) -> Iterator[None]:
    """Hold a run's folder while its stage works; write DONE.json or FAILED.json at the end.

    An interruption (`Interrupted`, Ctrl-C) writes neither: the run can simply be resumed. Of
    several tasks of one SLURM job only the first holds the folder and says how it ended; the
    others work with it.

    Raises:
        LeaseHeld: another process works in the folder.
        AlreadyDone: another process finished the run just now.
    """
    folder = run.prepare()
    if not leads():
        yield
        return
    began = time.time()
    with Lease(folder) as lease:
        if run.state == "done":
            raise AlreadyDone(f"{folder} was finished by another process in the meantime")
        write_json(folder / "provenance.json", provenance(run))
        try:
            yield
        except (Interrupted, KeyboardInterrupt):
            raise
        except BaseException as error:
            write_json(folder / "FAILED.json", _failure(folder, error))
            raise
        if lease.lost:
            raise RunError(f"another process took over {folder}; this one leaves it alone")
        (folder / "FAILED.json").unlink(missing_ok=True)
        write_json(folder / "DONE.json", {"finished": time.time(), "seconds": time.time() - began})


def _failure(folder: Path, error: BaseException) -> dict[str, Any]:
    try:
        attempts = json.loads((folder / "FAILED.json").read_text())["attempts"] + 1
    except (OSError, ValueError, KeyError):
        attempts = 1
    return {
        "error": type(error).__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error)),
        "attempts": attempts,
        "failed": time.time(),
    }


def forget(run: Run) -> None:
    """Remove what a run has produced, so that it is done again."""
    with Lease(run.folder):
        (run.folder / "DONE.json").unlink(missing_ok=True)  # first: half removed is not done
        for path in run.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif not path.name.startswith("lease-"):
                path.unlink()


def provenance(run: Run) -> dict[str, Any]:
    """Code, environment, hardware and seeds of a run about to start."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in _RECORDED:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "git": git_state(),
        "python": platform.python_version(),
        "packages": versions,
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "seed": run.settings.get("seed"),
        # Where folders lie on this machine is nobody's business, and decides nothing.
        "command": [Path(word).name if Path(word).is_absolute() else word for word in sys.argv],
        "started": time.time(),
    }


def record(run: Run, **found: Any) -> None:
    """Add to a started run's provenance what only its stage could find out."""
    write_json(run.folder / "provenance.json", provenance_of(run) | found)


def provenance_of(run: Run) -> dict[str, Any]:
    """What was recorded of a run when it started."""
    return json.loads((run.folder / "provenance.json").read_text())


def git_state() -> dict[str, str | bool]:
    """Revision of the code and what differs from it; says so where git does not know."""
    here = Path(__file__).resolve().parents[2]

    def ask(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True
        ).stdout

    try:
        difference = ask("diff", "HEAD", "--", "*.py", "*.toml")
        return {
            "revision": ask("rev-parse", "HEAD").strip(),
            "clean": not difference,
            "diff": difference[:100_000],
        }
    except (OSError, subprocess.CalledProcessError):
        return {"revision": "unknown", "clean": False, "diff": ""}
