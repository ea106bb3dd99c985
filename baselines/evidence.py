"""What a system is made of on this machine: the hashes of its weights, its code's revision.

What its authors publish without a hash, or on a branch, cannot be pinned from here. It is said to
be unpinned by the doctor, and what was found is recorded with every run.
"""

import contextlib
import subprocess
from pathlib import Path
from typing import Any

from baselines.brought import Brought
from baselines.environment import versions
from baselines.process import External
from baselines.system import System
from dreamtext.errors import RunError
from dreamtext.files import file_hash

_WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")


def on_disk(system: System) -> dict[str, Any]:
    """What a run's provenance keeps of a system; {} for one without weights or code of its own."""
    evidence: dict[str, Any] = system.about() if isinstance(system, Brought) else {}
    if system.capabilities.weights:
        evidence["weights"] = weight_hashes(system)
    if isinstance(system, External):
        evidence["revision"] = revision(system.checkout)
        with contextlib.suppress(RunError):  # the run itself names an environment that is missing
            evidence["environment"] = versions(system.python, checked_packages(system))
    if unpinned(system):
        evidence["unpinned"] = unpinned(system)
    return evidence


def checked_packages(system: External) -> list[str]:
    """The packages whose versions decide what a system paints."""
    known = system.declaration
    torch = ["torch"] if known.compute_capability else []
    return list(dict.fromkeys([*known.packages, *known.newer, *torch]))


def unpinned(system: System) -> list[str]:
    """The names of what is taken as it is found, since no hash or revision of it is known."""
    names = [w.file for w in system.capabilities.weights if not w.sha256]
    if isinstance(system, External) and not system.declaration.revision:
        names.append("revision")
    return names


def weight_hashes(system: System) -> dict[str, str]:
    """SHA-256 of every weight file that is there, by its name below the folder of weights."""
    folder = system.weights_folder
    if folder is None:
        return {}
    files: list[Path] = []
    for weights in system.capabilities.weights:
        path = folder / weights.file
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.suffix in _WEIGHTS and p.is_file())
        elif path.is_file():
            files.append(path)
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in files}


def revision(checkout: Path) -> str:
    """The commit a checkout is at; "" where git does not know."""
    asked = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
