"""One job array, through submitit: its batch script, and sending it."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slurm import entry, layout, queue
from slurm.config import Resources
from slurm.environment import replaced, scrubbed
from slurm.errors import SlurmError


def _executor(
    array: layout.Array, home: Path, name: str, code: Path, token: str, ids: Mapping[int, str]
) -> Any:
    from submitit import SlurmExecutor

    r = array.resources
    python = r.python or sys.executable
    # A warning that comes while the interpreter starts must not kill it.
    command = f'/bin/sh -c \'trap "" USR2; exec "$@"\' sh {r.container} {shlex.quote(python)}'
    executor = SlurmExecutor(home / "jobs", max_num_timeout=10**6, python=command)
    conditions = [f"afterany:{job}" for job in array.external]
    conditions += [f"afterany:{ids[index]}" for index in array.follows]
    if array.corresponds is not None:
        conditions.append(f"aftercorr:{ids[array.corresponds]}")
    options = {
        "partition": r.partition,
        "account": r.account,
        "qos": r.qos,
        "constraint": r.constraint,
        "mem": f"{round(r.mem_gb * 1024)}M" if r.mem_gb else None,
        "gpus_per_node": r.gpus_per_node,
        "dependency": ",".join(conditions),
    }
    executor.update_parameters(
        job_name=f"{name}-{array.stage}",
        time=r.time_min,
        nodes=r.nodes,
        ntasks_per_node=r.tasks_per_node,
        cpus_per_task=r.cpus_per_task,
        signal_delay_s=r.warning_s,
        array_parallelism=r.parallel,
        comment=token,
        wckey=None,
        setup=[
            f"cd {shlex.quote(str(code))} || exit 1",
            f"export PYTHONPATH={shlex.quote(str(code))}",
            *r.setup,
        ],
        teardown=_teardown(array, home, token, r, python),
        srun_args=["--kill-on-bad-exit=1"] if r.world_size > 1 else None,
        additional_parameters={
            "hold": True,
            "requeue": True,
            "kill-on-invalid-dep": "yes",
            **r.sbatch,
        },
        **{key: value for key, value in options.items() if value},
    )
    return executor


def _teardown(array: layout.Array, home: Path, token: str, r: Resources, python: str) -> list[str]:
    """After the step, whatever killed it: judge, and keep the step's exit code as the job's."""
    if not array.tasks:
        return []
    judge = f"{r.container} {shlex.quote(python)} -m slurm.aftermath"
    return ["code=$?", f"{judge} {shlex.quote(str(home))} {token} $code", "exit $code"]


def text(
    array: layout.Array, home: Path, name: str, code: Path, token: str, ids: Mapping[int, str]
) -> str:
    """The batch script, without asking or telling SLURM anything."""
    from submitit.slurm.slurm import _make_sbatch_string

    executor = _executor(array, home, name, code, token, ids)
    options: dict[str, Any] = dict(executor.parameters)
    if len(array.tasks) > 1:
        options["map_count"] = len(array.tasks)
    return _make_sbatch_string(
        command=executor._submitit_command_str, folder=executor.folder, **options
    )


def send(
    array: layout.Array,
    home: Path,
    name: str,
    code: Path,
    token: str,
    ids: Mapping[int, str],
    record: Path | None = None,
) -> str:
    """Send one array, held; returns its job id."""
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor = _executor(array, home, name, code, token, ids)
    functions: list[Callable[[], str]] = [entry.TaskJob(t.to_dict()) for t in array.tasks]
    functions = functions or [entry.CollectJob(str(home), str(record))]
    with replaced(environment(array.resources)):
        try:
            with executor.batch():
                jobs = [executor.submit(function) for function in functions]
        except (FailedSubmissionError, FailedJobError) as error:
            # It may have been accepted with the answer lost: take it back by its token.
            mine = [job for job in queue.mine().values() if job.alive and job.comment == token]
            queue.cancel({job.id.partition("_")[0] for job in mine})
            raise SlurmError(f"sbatch failed: {' '.join(str(error).split())}") from error
    return jobs[0].job_id.partition("_")[0]


def environment(resources: Resources) -> dict[str, str]:
    return scrubbed(os.environ, resources.keep_environment)
