"""The same tasks on this machine alone: several at a time, in the order of their dependencies."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from slurm import attempts, layout
from slurm.config import Resources
from slurm.job import Verdict, attend
from slurm.stopping import StopFlag
from slurm.task import Task, unique


def run_local(
    tasks: Sequence[Task],
    code: Path,
    parallel: int,
    told: Callable[[Task, str], None] = lambda task, verdict: None,
) -> dict[str, str]:
    """Run tasks in worker processes until all are settled; returns folder -> verdict.

    Failed tasks are tried again like on the cluster. On INT or TERM the workers save and leave,
    and the same call goes on later.

    Args:
        code: the folder that the tasks' code is imported from.
        told: called in this thread when a task starts (`running`) and ends (its verdict).
    """
    tasks = unique(tasks)
    layout.arrange(tasks, lambda task: Resources(), 1)  # names circles
    verdicts = {task.folder: "done" for task in tasks if task.done}
    waiting = []
    for task in tasks:
        if task.failed and attempts.was_cancelled(task.folder):
            attempts.clear_failure(task.folder)
        if task.failed:
            verdicts[task.folder] = "failed"
        elif not task.done:
            waiting.append(task)
    wanted = {task.folder for task in waiting}
    running: dict[Future[str], Task] = {}
    workers = _Workers(code)
    with StopFlag() as stop, ThreadPoolExecutor(parallel) as pool:
        while waiting or running:
            if stop():
                workers.stop()
                waiting.clear()
            free = parallel - len(running)
            for task in [t for t in waiting if not wanted.intersection(t.after)][:free]:
                waiting.remove(task)
                told(task, "running")
                running[pool.submit(workers.run, task)] = task
            if not running:
                break
            done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                task = running.pop(future)
                wanted.discard(task.folder)
                verdicts[task.folder] = future.result()
                told(task, verdicts[task.folder])
    for task in tasks:
        verdicts.setdefault(task.folder, "interrupted")
    return verdicts


def run_inline(tasks: Sequence[Task]) -> dict[str, Verdict]:
    """Run tasks one after the other at this prompt, with its keyboard and screen (a debugger
    works), from the code as it is now; stops at the first that does not end well."""
    verdicts: dict[str, Verdict] = {}
    with StopFlag() as stop:
        for task in unique(tasks):
            Path(task.folder).mkdir(parents=True, exist_ok=True)
            verdicts[task.folder] = attend(task, stop, capture=False)
            if verdicts[task.folder] != "done":
                break
    return verdicts


class _Workers:
    """Processes that each attend one task; all can be told to stop."""

    def __init__(self, code: Path) -> None:
        self._code = code
        self._lock = threading.Lock()
        self._living: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, task: Task) -> str:
        Path(task.folder).mkdir(parents=True, exist_ok=True)
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SUBMITIT_"))
        }
        with self._lock:
            if self._stopped:
                return "interrupted"
            worker = subprocess.Popen(
                [sys.executable, "-m", "slurm.local", json.dumps(task.to_dict())],
                cwd=self._code,
                env={**environment, "PYTHONPATH": str(self._code)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # the keyboard's INT comes to us; we hand on TERM
            )
            self._living.add(worker)
        out, _ = worker.communicate()
        with self._lock:
            self._living.discard(worker)
        return out.strip() or "lost"

    def stop(self) -> None:
        with self._lock:
            if not self._stopped:
                self._stopped = True
                for worker in self._living:
                    worker.send_signal(signal.SIGTERM)


def _work(task: Task) -> str:
    """One worker: attempts go on here, without a queue to go back to."""
    with StopFlag() as stop:
        verdict: Verdict = "again"
        while verdict == "again" and not stop():
            verdict = attend(task, stop)
        return "interrupted" if verdict == "again" else verdict


if __name__ == "__main__":
    print(_work(Task.from_dict(json.loads(sys.argv[1]))))
