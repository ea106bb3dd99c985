"""What runs inside a job: start the task's program, hand signals on, and judge how it ended.

The program is a child process, so that whatever kills it (kill -9, a segmentation fault, the
kernel's out-of-memory killer) leaves somebody to say so. What kills this process too is judged
after the step, in the batch script (`slurm.aftermath`), and at the latest by the collecting job.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NoReturn

from slurm import attempts, nodes, queue, ranks
from slurm.errors import SlurmError
from slurm.judgement import explain_exit, keep_rank_failure, record_failure
from slurm.lease import ATTEMPT, holder, release_for
from slurm.ranks import output_name, rank
from slurm.stopping import StopFlag
from slurm.task import Task, is_done, read_failure, sentence

POLL_S = 0.5
BUSY_POLL_S = 2.0
OTHER_RANKS_S = 2.0  # how long to wait for the word of a rank that failed before rank 0

Verdict = Literal["done", "interrupted", "failed", "again", "busy", "blocked"]


@dataclass(frozen=True)
class Launch:
    """How a job runs programs: none of it is the task's own."""

    home: str = ""
    token: str = ""
    container: str = ""  # words in front of the program
    python: str = ""  # the container's interpreter

    def argv(self, task: Task) -> list[str]:
        """The program's words, with `python` and a container filled in."""
        first, *rest = task.argv
        if self.container:
            inside = shlex.split(self.python) if first == "python" else [first]
            return [*shlex.split(self.container), *inside, *rest]
        return [sys.executable if first == "python" else first, *rest]


def run(tasks: Sequence[dict[str, Any]], **launch: str) -> str:
    """Entry point of a job (through submitit): run its tasks, requeue it if that is called for."""
    how, folders = Launch(**launch), [values["folder"] for values in tasks]
    with StopFlag() as stop:
        verdicts = [attend(Task.from_dict(values), stop, launch=how) for values in tasks]
    if rank():
        _leave(0 if "failed" not in verdicts else 1)
    interrupted = "interrupted" in verdicts
    if interrupted and not _to_be_requeued(stop, folders):
        _leave(1)
    if interrupted or "again" in verdicts:
        _requeue(how, [Path(folder) for folder in folders])
    # A pack must not keep from running what waits for its good part: each task says how it ended.
    if verdicts != ["done"] and len(tasks) == 1:
        _leave(1)
    return verdicts[0]


def attend(
    task: Task, stop: StopFlag, capture: bool = True, launch: Launch | None = None
) -> Verdict:
    """Run a task's program until it is done, has failed or was interrupted.

    Args:
        stop: set when the task should save and leave; the signal is handed on to the program.
        capture: append the program's output to `output.log` in the folder, or leave it alone.

    Returns:
        done; interrupted (goes on when started again); failed (`FAILED.json` is there); again
        (failed, but worth another attempt); blocked (a task it needs is not done).
    """
    folder = Path(task.folder)
    launch = launch or Launch()
    if not folder.is_dir():
        raise SlurmError(
            f"{folder} does not exist on {os.uname().nodename}: keep the runs folder on a file "
            f"system that every node sees"
        )
    while True:
        if task.done:
            return "done"
        if task.failed:
            return "failed"
        if missing := [parent for parent in task.after if not is_done(parent)]:
            _note(folder, f"not started: {', '.join(Path(p).name for p in missing)} not done")
            return "blocked"
        if stop():
            return "interrupted"
        if rank() == 0 and holder(folder):
            time.sleep(BUSY_POLL_S)
            continue
        if rank() == 0 and (reason := attempts.exhausted(folder)):
            attempts.write_failure(folder, "stuck", reason, gave_up=reason)
            return "failed"
        verdict = _attempt(task, folder, stop, capture, launch)
        if verdict != "busy":
            return verdict
        time.sleep(BUSY_POLL_S)


def _attempt(task: Task, folder: Path, stop: StopFlag, capture: bool, launch: Launch) -> Verdict:
    head, name = rank() == 0, uuid.uuid4().hex
    if head:
        ranks.forget(folder)
        attempts.reserve(folder)
        attempts.append(folder, "started", pid=os.getpid(), gpus=attempts.gpus_of_job())
    try:
        code = _program(task, folder, stop, capture, launch, name)
    except OSError as error:  # there is no such program, or no room for its output
        if not head:
            return "failed"
        words = f"the program could not be started: {error}"
        return record_failure(folder, "exit", words, launch.home, launch.token)
    if launch.container and code >= 0:
        release_for(folder, name)  # its process numbers are not ours: we know, others cannot
    if code and ranks.size() > 1 and not _told_to_stop(stop):
        ranks.note_failure(folder, rank(), *explain_exit(code, output_name(rank())))
    if not head:
        # A nonzero end lets srun end the whole step (--kill-on-bad-exit); rank 0 is judged then.
        return "done" if code == 0 or stop() else "failed"
    return _judge(task, folder, stop, code, launch)


def _program(
    task: Task, folder: Path, stop: StopFlag, capture: bool, launch: Launch, attempt: str
) -> int:
    """Run the program to its end; its exit code."""
    with open(folder / output_name(rank()), "ab") if capture else open(os.devnull, "wb") as output:
        if capture:
            output.write(f"--- {_now()} {attempts.job_id() or 'local'} ---\n".encode())
            output.flush()
        child = subprocess.Popen(
            launch.argv(task),
            env={**os.environ, **ranks.variables(os.environ), ATTEMPT: attempt},
            stdin=subprocess.DEVNULL if capture else None,
            stdout=output if capture else None,
            stderr=subprocess.STDOUT if capture else None,
            preexec_fn=_patient if capture else None,
        )
        return _wait(child, stop)


def _patient() -> None:
    """Until a program has its handlers, USR2 would end Python: a warning must not kill."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def _wait(child: subprocess.Popen[bytes], stop: StopFlag) -> int:
    """Wait for the program. A warning is repeated, since it may have come before the handlers."""
    told = 0.0
    while True:
        try:
            return child.wait(timeout=POLL_S if stop() else 0.1)
        except subprocess.TimeoutExpired:
            if stop() and time.monotonic() - told > 2:
                told = time.monotonic()
                number = stop.received[-1]
                # The keyboard's INT reaches the whole foreground group by itself.
                child.send_signal(signal.SIGTERM if number == signal.SIGINT else number)


def _judge(task: Task, folder: Path, stop: StopFlag, code: int, launch: Launch) -> Verdict:
    if task.done:
        attempts.append(folder, "done")
        (folder / attempts.RESERVE).unlink(missing_ok=True)
        return "done"
    failure = read_failure(folder)
    other = _other_rank(folder, stop)
    if stop() and not failure and not other:
        attempts.append(folder, "interrupted", cause=stop.reason)
        return "interrupted"
    if not failure and not other and code != 0 and holder(folder):
        attempts.append(folder, "interrupted", cause="busy")
        return "busy"
    if other:
        keep_rank_failure(folder, other)
        cause, error = other["cause"], other["message"]
    elif failure:
        cause, error = str(failure.get("cause") or "python"), sentence(failure)
    else:
        cause, error = explain_exit(code)
    return record_failure(folder, cause, error, launch.home, launch.token)


def _told_to_stop(stop: StopFlag) -> bool:
    """Whether a program ended because its whole step was told to; the signal may come after it."""
    time.sleep(0.5)
    return stop()


def _other_rank(folder: Path, stop: StopFlag) -> dict[str, Any] | None:
    """What a rank that failed before this one said, if there are others and one did.

    srun tells the others to stop (TERM) when one rank fails.
    """
    if ranks.size() < 2:
        return None
    deadline = time.monotonic() + (0 if stop() else OTHER_RANKS_S)
    while not (folder / ranks.FIRST_FAILURE).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return ranks.first_failure(folder)


def _to_be_requeued(stop: StopFlag, folders: Sequence[str]) -> bool:
    """Whether an interrupted job is to be put back into the queue by us.

    USR2 says so: the time limit is near. TERM comes for a higher partition's claim (the job still
    runs, for its grace time), by `scancel`, or because SLURM puts the job back by itself.
    """
    if signal.SIGUSR2 in stop.received:
        return True
    state = queue.state(attempts.job_id())
    # While a job is being ended SLURM does not say why. Unless it comes back by itself, or its
    # partition cancels what it preempts, it was ended by hand.
    if state == "COMPLETING" and not queue.cancels_preempted(os.environ["SLURM_JOB_PARTITION"]):
        for folder in folders:
            if not is_done(folder):
                attempts.append(folder, "taken", cause=stop.reason)
    return state == "RUNNING"


def _requeue(launch: Launch, folders: Sequence[Path]) -> NoReturn:
    """Ask to be started again. Where that is refused, the collecting job sends what is left."""
    # SLURM ends this step as soon as it has put the job back: there are things to do after that.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    queue.requeue(attempts.job_id())
    for folder in folders:
        if not is_done(folder):
            attempts.append(folder, "requeued")
    nodes.keep_away(Path(launch.home), launch.token, attempts.job_id())
    _leave(1)  # rather than be killed after KillWait, in which the node would stand idle


def _leave(code: int) -> NoReturn:
    """End without submitit's word: it would turn an exception into a traceback of ours, and the
    folder says it better."""
    sys.stdout.flush()
    os._exit(code)


def _note(folder: Path, text: str) -> None:
    with contextlib.suppress(OSError), open(folder / output_name(0), "a", encoding="utf-8") as file:
        file.write(f"--- {_now()} {attempts.job_id() or 'local'}: {text}\n")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
