"""Where a run's numbers come from: code, environment, hardware and seeds."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.runs.folder import PROVENANCE, Run
from dreamtext.files import write_json

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
    write_json(run.folder / PROVENANCE, run.provenance() | found)


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
