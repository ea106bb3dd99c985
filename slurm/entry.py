"""What submitit pickles: the task's few words, and nothing of the run's state."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TaskJob:
    """Runs one task inside a job."""

    task: dict[str, Any]

    def __call__(self) -> str:
        from slurm import job

        return job.run(self.task)

    def checkpoint(self) -> Any:
        """For a warning that comes before our own handlers: start again from the folder."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True)
class CollectJob:
    """Runs after all tasks of a submission ended."""

    home: str
    record: str

    def __call__(self) -> str:
        from slurm import collect

        return collect.run(Path(self.home), Path(self.record))

    def checkpoint(self) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
