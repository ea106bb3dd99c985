"""`python -m slurm.aftermath HOME TOKEN CODE [SETUP]`: in the batch script, after the step's end.

The step may have been killed together with the process that watches the task (out of memory,
kill -9, another rank's crash). The batch script survives that; here it finds an attempt that
started and never ended, says why, and puts the job back into the queue unless that is the third
time. If the node itself is gone, SLURM requeues the job; what even that leaves over is judged by
the collecting job. SETUP is the line of the batch script that failed before there was a step.
"""

import re
import sys
from pathlib import Path

from slurm import attempts, nodes, queue, ranks, records
from slurm.judgement import explain_exit, keep_rank_failure, record_failure
from slurm.task import Task

OUT_OF_MEMORY = re.compile(r"memory limit|oom.kill|out of memory|OUT_OF_MEMORY", re.I)


def main(home: Path, token: str, code: int, setup: str = "") -> None:
    state = queue.state(attempts.job_id())
    verdicts = [
        _judge(home, token, task, code, state, setup)
        for task in _tasks(home, token)
        if not task.done and not task.failed
    ]
    if "again" in verdicts:
        queue.requeue(attempts.job_id())
        nodes.keep_away(home, token, attempts.job_id())


def _judge(home: Path, token: str, task: Task, code: int, state: str, setup: str) -> str:
    folder = Path(task.folder)
    if state != "RUNNING":
        return ""  # SLURM ends the job, and does not say why before it has: the collecting job asks
    if setup:
        words = f"exit code {code} of the setup line: {setup}"
        return record_failure(folder, "setup", words, str(home), token)
    last = (attempts.read(folder) or [{"outcome": ""}])[-1]
    if last["outcome"] not in ("started", "interrupted"):
        return ""  # blocked, judged already, or being requeued
    if last["outcome"] == "interrupted":
        return "again"  # it saved and left, and nobody has put it back yet
    if not code:
        return ""
    cause, error = explain(state, code, _log(home))
    if cause == "killed" and (other := ranks.first_failure(folder)):
        keep_rank_failure(folder, other)
        cause, error = other["cause"], other["message"]
    return record_failure(folder, cause, error, str(home), token)


def explain(state: str, code: int, log: str = "") -> tuple[str, str]:
    """Cause and sentence for a step that was killed as a whole."""
    if state == "OUT_OF_MEMORY" or OUT_OF_MEMORY.search(log):
        return "memory", "out of memory: SLURM killed the job, which used more than it asked for"
    if state == "TIMEOUT":
        return "time", "the time limit came before the task had saved and left"
    if code > 128:
        return explain_exit(code)
    return "killed", "the step was killed"


def _tasks(home: Path, token: str) -> list[Task]:
    """What this job's array element was to do."""
    owner = records.owner(home, token)
    if owner is None:
        return []
    return [task for id_, task in owner[1].elements() if id_ == attempts.job_id()]


def _log(home: Path) -> str:
    """What SLURM itself said on this job's standard error."""
    try:
        return (home / "jobs" / f"{attempts.job_id()}_0_log.err").read_text(errors="replace")[
            -5000:
        ]
    except OSError:
        return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:5])
