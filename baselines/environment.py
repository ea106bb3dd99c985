"""What an external system's environment holds, and which GPU this machine has."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dreamtext.errors import RunError

_ASK = """
import json, sys
try:
    from importlib.metadata import version
except ImportError:
    from pkg_resources import get_distribution
    version = lambda name: get_distribution(name).version
versions = {"python": "%d.%d" % sys.version_info[:2]}
for name in sys.argv[1:]:
    try:
        versions[name] = version(name)
    except Exception:
        versions[name] = None
print(json.dumps(versions))
"""


def versions(python: Path, packages: Iterable[str]) -> dict[str, str | None]:
    """The versions of Python ("3.8") and of packages in an interpreter's environment, a build
    with its name ("2.0.1+cu118"); None where a package is missing.

    Raises:
        RunError: the interpreter cannot be asked.
    """
    command = [str(python), "-c", _ASK, *packages]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        installed: dict[str, str | None] = json.loads(told.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise RunError(f"{python} cannot be asked: {error}") from error
    return installed


def without_build(version: str | None) -> str | None:
    """A version without the name of its build: "2.0.1" of "2.0.1+cu118"."""
    return version and version.split("+")[0]


@dataclass(frozen=True)
class Gpu:
    """A GPU of this machine; `capability` is its compute capability, as "9.0"."""

    name: str
    capability: str


@cache
def gpu() -> Gpu | None:
    """The first NVIDIA GPU of this machine; None where its driver names none."""
    command = ["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    first = told.stdout.strip().splitlines()[:1] if told.returncode == 0 else []
    name, comma, capability = (first or [""])[0].rpartition(", ")
    return Gpu(name, capability) if comma else None


def runs_on(newest: str, capability: str) -> bool:
    """Whether kernels built up to the compute capability `newest` run on a GPU of `capability`.

    They run on every later one of the same major version, and on no later major version
    (CUDA C++ Programming Guide, binary compatibility).
    """
    return int(newest.split(".")[0]) >= int(capability.split(".")[0])
