"""Where a run's numbers come from: code, environment, hardware and seeds."""

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.runs.folder import PROVENANCE, Run
from dreamtext.files import write_json
from slurm.attempts import job_id
from slurm.snapshot import describe

_RECORDED = ("torch", "diffusers", "accelerate", "numpy", "paddleocr", "onnxruntime", "clean-fid")


def collect(run: Run) -> dict[str, Any]:
    """Code, environment, hardware and seeds of a run about to start."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in _RECORDED:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "git": code(),
        "python": platform.python_version(),
        "packages": versions,
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "job": job(),
        "seed": run.settings.get("seed"),
        # Without the folders of this machine: where they lie decides nothing.
        "command": [Path(word).name if Path(word).is_absolute() else word for word in sys.argv],
        "started": time.time(),
    }


def record(run: Run, **found: Any) -> None:
    """Add to a started run's provenance what only its stage could find out."""
    write_json(run.folder / PROVENANCE, run.provenance() | found)


def code() -> dict[str, Any]:
    """Revision of the code, what differs from it, and files git does not track."""
    return describe(Path(__file__).resolve().parents[2])


def job() -> dict[str, Any]:
    """The SLURM job that this process belongs to; empty outside of SLURM."""
    if not job_id():
        return {}
    return {
        "id": job_id(),
        "node": os.environ.get("SLURMD_NODENAME", ""),
        "nodes": os.environ.get("SLURM_JOB_NODELIST", ""),
        "ranks": int(os.environ.get("SLURM_NTASKS", "1")),
    }
