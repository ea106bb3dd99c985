"""The environment a job starts with: what SLURM and the shell need, and nothing else.

A job that inherits the submitting shell works today and not tomorrow; one submitted from inside
another job would inherit that job's ranks and ids; and tokens would end up in SLURM's spool.
Exported shell functions are kept: Environment Modules and Lmod live in them.
"""

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_KEPT = re.compile(
    r"PATH|LD_LIBRARY_PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TERM|TMPDIR|VIRTUAL_ENV|CONDA_\w+"
    r"|MODULE\w+|LMOD_\w+|LOADEDMODULES|_LMFILES_|BASH_ENV|BASH_FUNC_[^%(]+(%%|\(\))"
    r"|LEASE_STALE_AFTER_S"
    # how to reach the cluster, and what its site sets as the user's default
    r"|SLURM_CONF|SLURM_CLUSTERS|SLURM_TIME_FORMAT"
    r"|SBATCH_ACCOUNT|SBATCH_QOS|SBATCH_PARTITION|SBATCH_RESERVATION"
)


def scrubbed(environment: Mapping[str, str], keep: Sequence[str] = ()) -> dict[str, str]:
    """The variables that a job may inherit; `keep` names further ones, also as WANDB_*."""
    return {
        name: value
        for name, value in environment.items()
        if _KEPT.fullmatch(name) or any(fnmatch.fnmatchcase(name, pattern) for pattern in keep)
    }


@contextmanager
def replaced(environment: Mapping[str, str]) -> Iterator[None]:
    """This process's environment, replaced for a while (submitit hands on what it finds)."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(environment)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
