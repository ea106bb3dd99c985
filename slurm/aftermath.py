"""`python -m slurm.aftermath HOME TOKEN CODE`: in the batch script, after the step has ended.

The step may have been killed together with the process that watches the task (out of memory,
kill -9, another rank's crash). The batch script survives that; here it finds an attempt that
started and never ended, says why, and puts the job back into the queue unless that is the third
time. If the node itself is gone, SLURM requeues the job; what even that leaves over is judged by
the collecting job.
"""

import re
import sys
from pathlib import Path

from slurm import attempts, job, queue, records
from slurm.errors import SlurmError
from slurm.task import CANCELLED, Task

OUT_OF_MEMORY = re.compile(r"memory limit|oom.kill|out of memory|OUT_OF_MEMORY", re.I)


def main(home: Path, token: str, code: int) -> None:
    task = _task(home, token)
    if task is None or task.done or task.failed:
        return
    last = attempts.read(task.folder)[-1:]
    if not last or last[0]["outcome"] not in ("started", "interrupted"):
        return  # blocked, or judged already
    state = _state(attempts.job_id())
    if state == "CANCELLED":
        note_cancelled(task.folder)
    elif state == "TIMEOUT" or (state == "RUNNING" and code):
        if state == "RUNNING" and last[0].get("cause") == "SIGUSR2":
            return  # being requeued
        cause, error = explain(state, code, _log(home))
        if job.record_failure(Path(task.folder), cause, error) == "again":
            queue.requeue(attempts.job_id())


def explain(state: str, code: int, log: str = "") -> tuple[str, str]:
    """Cause and sentence for a step that was killed as a whole."""
    if state == "OUT_OF_MEMORY" or OUT_OF_MEMORY.search(log):
        return "memory", "out of memory: SLURM killed the job, which used more than it asked for"
    if state == "TIMEOUT":
        return "time", "the time limit came before the task had saved and left"
    if state in ("NODE_FAIL", "BOOT_FAIL"):
        return "node", f"the node failed ({state})"
    if code > 128:
        return job.explain_exit(code)
    return "killed", "the step was killed"


def note_cancelled(folder: str) -> None:
    """Somebody took the job from the queue: final, but no fault of the task."""
    error = "cancelled while it was running (scancel)"
    attempts.append(folder, "cancelled", cause=CANCELLED, error=error)
    attempts.write_failure(folder, CANCELLED, error)


def _task(home: Path, token: str) -> Task | None:
    for submission in reversed(records.load_all(home)):
        for record in submission.jobs:
            if record.token == token:
                return dict(record.elements()).get(attempts.job_id())
    return None


def _state(job_id: str) -> str:
    """SLURM's word for the job right now; empty if it does not answer."""
    try:
        out = queue.run(["scontrol", "show", "job", "-o", job_id])
    except SlurmError:
        return ""
    match = re.search(r"\bJobState=(\w+)", out)
    return match[1] if match else ""


def _log(home: Path) -> str:
    """What SLURM itself said on this job's standard error."""
    try:
        return (home / "jobs" / f"{attempts.job_id()}_0_log.err").read_text(errors="replace")[
            -5000:
        ]
    except OSError:
        return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
