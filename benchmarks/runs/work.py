"""Working in a run's folder: one writer at a time, and one word at the end, done or failed."""

import json
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.runs import provenance
from benchmarks.runs.folder import PROVENANCE, Run
from dreamtext.errors import Interrupted, RunError, UserError
from dreamtext.files import CHECKPOINTS, refuse_if_overtaken, write_json, writing_while
from slurm.lease import Lease
from slurm.task import DONE, FAILED


def leads() -> bool:
    """Whether this process is the first, or only, one of those that share a run: SLURM's tasks,
    or what torchrun or accelerate started."""
    for tasks, rank in (("SLURM_NTASKS", "SLURM_PROCID"), ("WORLD_SIZE", "RANK")):
        if int(os.environ.get(tasks, "1")) > 1:
            return os.environ.get(rank, "0") == "0"
    return True


class AlreadyDone(RunError):
    """Another process finished the run between looking at it and taking its lease."""


@contextmanager
def working(run: Run) -> Iterator[None]:
    """Hold a run's folder while its stage works; write DONE.json or FAILED.json at the end.

    An interruption (`Interrupted`, Ctrl-C) writes neither: the run can simply be resumed. Of
    several tasks of one SLURM job only the first holds the folder and says how it ended; the
    others work with it.

    Every write to the folder asks the lease first: a process that was suspended, and overtaken,
    changes nothing any more.

    Raises:
        LeaseHeld: another process works in the folder.
        Interrupted: another process has taken the folder over.
        AlreadyDone: another process finished the run just now.
    """
    folder = run.prepare()
    if not leads():
        yield
        return
    with settling(folder, lambda: run.state == "done") as found:
        write_json(folder / PROVENANCE, provenance.collect(run))
        yield
        refuse_if_overtaken()
        peak = _size(folder)
        if run.stage == "train" and (run.model / "model.safetensors").exists():
            # What is done is never resumed; at the paper's size they are 30 GB.
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        found |= {"bytes": _size(folder), "peak_bytes": peak}


@contextmanager
def settling(folder: Path, done: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Hold a folder while work in it is done; its end is told as `working` tells a run's. What is
    put into the values given stands in DONE.json.

    Raises:
        LeaseHeld, Interrupted, AlreadyDone: as `working`.
    """
    began, cpu = time.time(), time.process_time()
    with Lease(folder) as lease:
        if done():
            raise AlreadyDone(f"{folder} was finished by another process in the meantime")
        found: dict[str, Any] = {}
        with writing_while(lease.confirm):
            try:
                yield found
            except (Interrupted, KeyboardInterrupt):
                raise
            except BaseException as error:
                write_json(folder / FAILED, _failure(folder, error))
                raise
            refuse_if_overtaken()
            (folder / FAILED).unlink(missing_ok=True)
            took = {"finished": time.time(), "seconds": time.time() - began}
            took["cpu_seconds"] = time.process_time() - cpu
            write_json(folder / DONE, took | found)


def _size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _failure(folder: Path, error: BaseException) -> dict[str, Any]:
    try:
        attempts = json.loads((folder / FAILED).read_text())["attempts"] + 1
    except (OSError, ValueError, KeyError):
        attempts = 1
    return {
        "error": type(error).__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error)),
        "attempts": attempts,
        "final": isinstance(error, UserError),  # the same input will be refused again
        "failed": time.time(),
    }


def forget(run: Run) -> None:
    """Remove what a run has produced, so that it is done again."""
    with Lease(run.folder):
        (run.folder / DONE).unlink(missing_ok=True)  # first: half removed is not done
        for path in run.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif not path.name.startswith("lease-"):
                path.unlink()
