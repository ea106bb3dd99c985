"""What runs inside a job: start the task's program, hand signals on, and judge how it ended.

The program is a child process, so that whatever kills it (kill -9, a segmentation fault, the
kernel's out-of-memory killer) leaves somebody to say so. What kills this process too is judged
after the step, in the batch script (`slurm.aftermath`), and at the latest by the collecting job.
"""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from slurm import attempts, queue
from slurm.errors import SlurmError, SlurmInputError
from slurm.lease import STALE_AFTER_S, read_lease
from slurm.stopping import StopFlag
from slurm.task import DONE, FAILED, Task, read_failure, sentence

OUTPUT = "output.log"
POLL_S = 0.5
BUSY_POLL_S = 2.0
REQUEUE_TRIES = 60

Verdict = Literal["done", "interrupted", "failed", "again", "busy", "blocked"]


def run(values: dict[str, Any]) -> str:
    """Entry point of a job (through submitit): run one task, requeue it if that is called for."""
    task = Task.from_dict(values)
    with StopFlag() as stop:
        verdict = attend(task, stop)
    if verdict == "again" or (verdict == "interrupted" and signal.SIGUSR2 in stop.received):
        if rank() == 0:
            _requeue()
        return verdict
    if verdict != "done":
        # submitit would turn an exception into a traceback of ours; the folder says it better.
        sys.stdout.flush()
        os._exit(1)
    return verdict


def attend(task: Task, stop: StopFlag, capture: bool = True) -> Verdict:
    """Run a task's program until it is done, has failed or was interrupted.

    Args:
        stop: set when the task should save and leave; the signal is handed on to the program.
        capture: append the program's output to `output.log` in the folder, or leave it alone.

    Returns:
        done; interrupted (goes on when started again); failed (`FAILED.json` is there); again
        (failed, but worth another attempt); blocked (a task it needs is not done).
    """
    folder = Path(task.folder)
    if not folder.is_dir():
        raise SlurmInputError(
            f"{folder} does not exist on {os.uname().nodename}: keep the runs folder on a file "
            f"system that every node sees"
        )
    while True:
        if task.done:
            return "done"
        if task.failed:
            return "failed"
        if missing := [parent for parent in task.after if not Path(parent, DONE).exists()]:
            _note(folder, f"not started: {', '.join(Path(p).name for p in missing)} not done")
            return "blocked"
        if stop():
            return "interrupted"
        if rank() == 0 and _busy(folder):
            time.sleep(BUSY_POLL_S)
            continue
        verdict = _attempt(task, folder, stop, capture)
        if verdict != "busy":
            return verdict
        time.sleep(BUSY_POLL_S)


def rank() -> int:
    """Which of the job's tasks this process is; rank 0 judges and writes."""
    return int(os.environ.get("SLURM_PROCID", "0"))


def _busy(folder: Path, without: int | None = None) -> bool:
    """Whether another process holds the folder's lease (`without`: our child's process id)."""
    lease = read_lease(folder)
    return lease is not None and lease.pid != without and lease.held(STALE_AFTER_S)


def _attempt(task: Task, folder: Path, stop: StopFlag, capture: bool) -> Verdict:
    head = rank() == 0
    if head:
        attempts.append(folder, "started", pid=os.getpid())
    name = OUTPUT if head else f"output-{rank()}.log"
    with open(folder / name, "ab") if capture else open(os.devnull, "wb") as output:
        if capture:
            output.write(f"--- {_now()} {attempts.job_id() or 'local'} ---\n".encode())
            output.flush()
        child = subprocess.Popen(
            _argv(task),
            env=environment(os.environ),
            stdin=subprocess.DEVNULL if capture else None,
            stdout=output if capture else None,
            stderr=subprocess.STDOUT if capture else None,
            preexec_fn=_patient if capture else None,
        )
        code = _wait(child, stop)
    if not head:
        # A nonzero end lets srun end the whole step (--kill-on-bad-exit); rank 0 is judged then.
        return "done" if code == 0 or stop() else "failed"
    return _judge(task, folder, stop, child.pid, code)


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


def _judge(task: Task, folder: Path, stop: StopFlag, pid: int, code: int) -> Verdict:
    if task.done:
        attempts.append(folder, "done")
        return "done"
    failure = read_failure(folder)
    if stop() and not failure:
        attempts.append(folder, "interrupted", cause=stop.reason)
        return "interrupted"
    if not failure and code != 0 and _busy(folder, without=pid):
        attempts.append(folder, "interrupted", cause="busy")
        return "busy"
    if failure:
        cause, error = str(failure.get("cause") or "python"), sentence(failure)
    else:
        cause, error = explain_exit(code)
    return record_failure(folder, cause, error)


def record_failure(folder: Path, cause: str, error: str) -> Verdict:
    """Note a failed attempt. The third of the same kind is final and leaves `FAILED.json`."""
    attempts.append(folder, "failed", cause=cause, error=error)
    if reason := attempts.exhausted(folder):
        attempts.write_failure(folder, cause, error, gave_up=reason)
        return "failed"
    (folder / FAILED).unlink(missing_ok=True)  # kept in attempts.jsonl; not final yet
    return "again"


def explain_exit(code: int) -> tuple[str, str]:
    """Cause and sentence for the exit of a program that left neither DONE nor FAILED."""
    if code == 0:
        return "no result", f"the program ended without an error, but wrote no {DONE}"
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        if number == signal.SIGKILL:
            if _cgroup_out_of_memory():
                return "memory", "out of memory: the kernel killed the program"
            return "killed", "killed by SIGKILL: by hand (kill -9), or by the node out of memory"
        return "killed", f"killed by {name}"
    return "exit", f"the program ended with exit code {code}; see {OUTPUT}"


def _cgroup_out_of_memory() -> bool:
    try:
        own = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        events = Path("/sys/fs/cgroup" + own, "memory.events").read_text()
        return any(k == "oom_kill" and int(v) > 0 for k, v in map(str.split, events.splitlines()))
    except (OSError, ValueError):
        return False


def _argv(task: Task) -> list[str]:
    first, *rest = task.argv
    return [sys.executable if first == "python" else first, *rest]


def environment(base: Any) -> dict[str, str]:
    """The program's environment: with several tasks, also torch.distributed's variables."""
    out = dict(base)
    size = int(out.get("SLURM_NTASKS", "1"))
    if "SLURM_JOB_ID" in out and size > 1:
        hosts = out.get("SLURM_STEP_NODELIST") or out["SLURM_JOB_NODELIST"]
        out |= {
            "RANK": out["SLURM_PROCID"],
            "LOCAL_RANK": out["SLURM_LOCALID"],
            "WORLD_SIZE": str(size),
            "LOCAL_WORLD_SIZE": out.get("SLURM_NTASKS_PER_NODE", "1"),
            "MASTER_ADDR": _address(hosts),
            # Jobs side by side on a node need different ports; all of a job need the same.
            "MASTER_PORT": str(20000 + int(out["SLURM_JOB_ID"]) % 20000),
        }
    return out


def _address(hosts: str) -> str:
    """Where rank 0 runs, by the address SLURM has for it (a node's name need not resolve)."""
    first = queue.run(["scontrol", "show", "hostnames", hosts]).split()[0]
    for word in queue.run(["scontrol", "show", "node", "-o", first]).split():
        if word.startswith("NodeAddr="):
            return word.partition("=")[2]
    return first


def _requeue() -> None:
    """Ask to be started again; the controller may be restarting just now."""
    for _ in range(REQUEUE_TRIES):
        try:
            queue.requeue(attempts.job_id())
            break
        except SlurmError as error:
            print(f"requeue: {error}", flush=True)
            time.sleep(5)
    else:
        raise SlurmError("the job could not be requeued; submit the study again")
    time.sleep(30)  # SLURM ends this process; leaving first would look like an end of the job


def _note(folder: Path, text: str) -> None:
    with open(folder / OUTPUT, "a", encoding="utf-8") as output:
        output.write(f"--- {_now()} {attempts.job_id() or 'local'}: {text}\n")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
