"""What the tests of submission share: tasks of the counting program, sending and waiting."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from slurm import queue
from slurm.config import ClusterConfig
from slurm.submit import submit
from slurm.task import Task

HERE = Path(__file__).parent.resolve()
PROGRAM = str(HERE / "counting_program.py")
PROJECT = HERE.parents[1]
NOT_OURS: set[str] = set()  # jobs of a test that are no task's
CONFIG = ClusterConfig({"time_min": 5, "mem_gb": 0.2})


def make(root: Path, name: str, *more: str, stage: str = "run", after: tuple[str, ...] = ()):
    """A task of the counting program, in `root/name`."""
    folder = str(root / name)
    return Task(folder, ("python", PROGRAM, folder, "--pause", "0", *more), stage, after)


def send(tasks, root: Path, config: ClusterConfig = CONFIG, **more):
    """Submit, with the records in `root/launch`."""
    more = {"project": PROJECT, "name": "test", **more}
    return submit(tasks, home=root / "launch", config=config, **more)


def wait(ready: Callable[[], object], seconds: float = 60, what: str = "") -> None:
    """Until it is so; fails after some time, which says nothing of how long it should take."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited {seconds} s {what}"
        time.sleep(0.1)


def alive() -> list[queue.QueuedJob]:
    """Our jobs that are, or will be, at work; not those that are just being ended."""
    jobs = [job for job in queue.mine().values() if job.alive and job.state != "COMPLETING"]
    return [job for job in jobs if job.id not in NOT_OURS]


def ends_after(effects: int, act: Callable[[], object]) -> bool:
    """Do something in a process that ends, as by kill -9, after so many of its outer effects:
    processes started and files put into place. Returns whether it came so far."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    had = 0

    def count() -> None:
        nonlocal had
        had += 1
        if had == effects:
            os._exit(9)

    class Counted(subprocess.Popen):
        def __init__(self, *words, **options):
            super().__init__(*words, **options)
            if had + 1 == effects:
                self.wait()  # it has had its effect, and nobody reads its answer
            count()

    def counted(move):
        def move_and_count(*paths, **options):
            move(*paths, **options)
            count()

        return move_and_count

    subprocess.Popen = Counted
    os.replace, os.rename = counted(os.replace), counted(os.rename)
    try:
        act()
    finally:
        os._exit(0)
