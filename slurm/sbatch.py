"""One job array, through submitit: its batch script, and sending it.

What talks to SLURM - the process that watches a program, the judgement after the step, the
collecting job - runs on the node itself; only the program runs in a container.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slurm import layout, queue
from slurm.config import Resources
from slurm.environment import replaced, scrubbed
from slurm.errors import SlurmError

SETUP_FAILED = 97  # exit code of a job whose `setup` lines did not work


def send(
    array: layout.Array,
    home: Path,
    name: str,
    code: Path,
    token: str,
    ids: Mapping[int, str],
    payload: Sequence[Callable[[], object]],
) -> str:
    """Send one array, held; returns its job id.

    Args:
        token: comment of the job, which it is found by.
        ids: index of an array in the layout -> its job id.
        payload: what each element runs; pickled by submitit.

    Raises:
        SlurmError: sbatch refused it. Nothing of it is left in the queue.
    """
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor = _executor(array, home, name, code, token, ids)
    with replaced(environment(array.resources)):
        try:
            with executor.batch():
                jobs = [executor.submit(function) for function in payload]
        except (FailedSubmissionError, FailedJobError, subprocess.SubprocessError) as error:
            # It may have been accepted with the answer lost: take it back by its token.
            mine = [job for job in queue.mine().values() if job.alive and job.comment == token]
            queue.cancel(job.array for job in mine)
            raise SlurmError(f"sbatch failed: {' '.join(str(error).split())}") from error
    return jobs[0].job_id.partition("_")[0]


def text(
    array: layout.Array, home: Path, name: str, code: Path, token: str, ids: Mapping[int, str]
) -> str:
    """The batch script, without asking or telling SLURM anything."""
    # Private names of submitit, as it has no public way to see a script before it is sent.
    from submitit.slurm.slurm import _make_sbatch_string

    executor = _executor(array, home, name, code, token, ids)
    options: dict[str, Any] = dict(executor.parameters)
    if array.elements > 1:
        options["map_count"] = array.elements
    return _make_sbatch_string(
        command=executor._submitit_command_str, folder=executor.folder, **options
    )


def environment(resources: Resources) -> dict[str, str]:
    """What a job of these resources inherits of this process's environment."""
    return scrubbed(os.environ, resources.keep_environment)


def _executor(
    array: layout.Array, home: Path, name: str, code: Path, token: str, ids: Mapping[int, str]
) -> Any:
    from submitit import SlurmExecutor

    r = array.resources
    python = shlex.quote(r.python or sys.executable)
    # A warning that comes while the interpreter starts must not kill it.
    command = f'/bin/sh -c \'trap "" USR2; exec "$@"\' sh {python}'
    executor = SlurmExecutor(home / "jobs", max_num_timeout=10**6, python=command)
    conditions = [f"afterany:{job}" for job in array.external]
    conditions += [f"afterany:{ids[index]}" for index in array.follows]
    conditions += [f"aftercorr:{ids[index]}" for index in array.corresponds]
    options = {
        "partition": r.partition,
        "account": r.account,
        "qos": r.qos,
        "constraint": r.constraint,
        "mem": f"{round(r.mem_gb * 1024)}M" if r.mem_gb else None,
        "gpus_per_node": r.gpus_per_node,
        "dependency": ",".join(conditions),
    }
    judge = f"{python} -m slurm.aftermath {shlex.quote(str(home))} {token}"
    # srun does not take this number over from sbatch (since SLURM 22.05).
    srun = [f"--cpus-per-task={r.cpus_per_task}"]
    executor.update_parameters(
        job_name=f"{name}-{array.stage}",
        time=r.time_min,
        nodes=r.nodes,
        ntasks_per_node=r.tasks_per_node,
        cpus_per_task=r.cpus_per_task,
        signal_delay_s=r.warning_s,
        array_parallelism=array.parallel,
        comment=token,
        wckey=None,
        setup=_setup(code, r.setup, judge if array.tasks else ""),
        teardown=["code=$?", f"{judge} $code", "exit $code"] if array.tasks else [],
        srun_args=[*srun, "--kill-on-bad-exit=1"] if r.world_size > 1 else srun,
        additional_parameters={
            "hold": True,
            "requeue": True,
            "kill-on-invalid-dep": "yes",
            **{option: value for option, value in r.sbatch.items() if value is not False},
        },
        **{key: value for key, value in options.items() if value},
    )
    return executor


def _setup(code: Path, lines: Sequence[str], judge: str) -> list[str]:
    """The shell's part before the step. A line that fails ends the job, and is named.

    `judge`, if any, is told the line, and writes it into the run folders. The shell waits for the
    step also when it is told to end (TERM), so that somebody is left to judge.
    """
    report = [f'  {judge} "$1" "$setup_line"'] if judge else []
    return [
        "setup_line='cd to the snapshot of the code'",
        "setup_ended() {",
        '  echo "setup failed (exit code $1) at: $setup_line" >&2',
        f"  export PYTHONPATH={shlex.quote(str(code))}",
        *report,
        f"  exit {SETUP_FAILED}",
        "}",
        "trap 'setup_ended $?' EXIT",
        "set -e",
        f"cd {shlex.quote(str(code))}",
        f"export PYTHONPATH={shlex.quote(str(code))}",
        *(part for line in lines for part in (f"setup_line={shlex.quote(line)}", line)),
        "set +e",
        "trap - EXIT",
        "trap : TERM",
    ]
