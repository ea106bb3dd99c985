"""What is known of an external system before it is installed: one declaration a system.

The declarations stand in `baselines.declared`, a module each. What a declaration says of a
repository was read there; what could not be read is one of its notes.
"""

from dataclasses import dataclass, field
from pathlib import Path

from baselines.system import Capabilities

RUNNERS = Path(__file__).parent / "runners"
ENVIRONMENTS = Path(__file__).parent / "environments"
CANONICAL = (512, 512)  # (height, width) of the crops that external systems are given


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """An external system: its code, its environment and what it can be asked for.

    Attributes:
        repository: where it is published, in words.
        revision: the commit it was written against; "" is unpinned: recorded with every run.
        needed: files that its checkout must have.
        python: the version its authors pin, as "3.8".
        packages: the authors' pins that decide its results, checked in its environment.
        newer: the newest versions that its code runs with, for GPUs that the pins do not know.
            They were found by reading, not by running.
        compute_capability: build of torch (without a name: the package index's), the authors'
            first -> the newest GPU it has kernels for, as "8.6".
        options: what may be set by `options=[KEY=VALUE]`, as the runner documents it.
        notes: what its user has to know, and what could not be read.
        version: raised whenever the same requests would give other pictures.
    """

    name: str
    summary: str
    capabilities: Capabilities
    repository: str
    python: str
    revision: str = ""
    needed: tuple[str, ...] = ()
    packages: dict[str, str] = field(default_factory=dict)
    newer: dict[str, str] = field(default_factory=dict)
    compute_capability: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    version: int = 1

    @property
    def runner(self) -> Path:
        """The script that is run in the system's environment."""
        return RUNNERS / f"{module_name(self.name)}.py"

    @property
    def environment(self) -> Path:
        """The requirements its environment is made from."""
        return ENVIRONMENTS / f"{self.name}.txt"


def module_name(name: str) -> str:
    """A system's name as that of a module: hyphens become underscores."""
    return name.replace("-", "_")
