"""What submitit pickles: the name of a program of this package, and its few arguments.

A name, not the program: what a job does is imported in the job, from the snapshot of the code.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """Calls `run(**arguments)` of a module inside a job."""

    module: str
    arguments: dict[str, Any]

    def __call__(self) -> str:
        from importlib import import_module

        return import_module(self.module).run(**self.arguments)

    def checkpoint(self) -> Any:
        """For a warning that comes before our own handlers: start again from the folder."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
