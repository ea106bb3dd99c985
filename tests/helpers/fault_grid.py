"""One grid with a task for every fault of running tasks, and those who do the harm.

python -m helpers.fault_grid ROOT: submits the grid, from a process of its own as a user would.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from helpers.slurm_tasks import PROGRAM, PROJECT, wait

from slurm import queue, records
from slurm.cluster import Cluster
from slurm.config import ClusterConfig
from slurm.lease import read_lease
from slurm.submit import submit
from slurm.task import Task

STEPS, PAUSE_S = 40, 0.1
WHOLE_NODE = ("node", "power", "preempt", "preempt-cancel")
PREEMPTIONS = 3
# A container that does not have SLURM's clients: its PATH leads nowhere.
CONTAINER = {"container": "env PATH=/nowhere", "container_python": sys.executable}
CONFIG = ClusterConfig(
    defaults={"time_min": 20, "mem_gb": 0.15, "warning_s": 30},
    stages={
        **{name: {"cpus_per_task": 8} for name in WHOLE_NODE},
        "preempt-cancel": {"cpus_per_task": 8, "partition": "cancelling"},
        "rank": {"nodes": 2},
        "setup": {"setup": ("true", "export FINE=1", "module load nothing-of-that-name", "true")},
        "container": CONTAINER,
    },
)
SURVIVORS = (
    "undisturbed",
    "timeout",
    "requeue",
    "worker",
    "step",
    "exception-once",
    "container",
    "preempt",
    "preempt-cancel",
    "node",
    "power",
)
FATAL = {
    "exception": "python",
    "memory": "memory",
    "silent": "no result",
    "setup": "setup",
    "rank": "python",
    "misuse": "python",
    "scancel": "cancelled",
    "full-disk": "disk",
}
FAULTS = {
    "step": ["--fault", "kill-all", "--once"],
    "exception-once": ["--fault", "exception", "--once"],
    **{name: ["--fault", name] for name in ("exception", "memory", "silent", "rank", "misuse")},
    "full-disk": ["--fault", "full-disk"],
}


@dataclass(frozen=True)
class Outcome:
    """What the grid has come to: tasks by name, and how many each of two submitters sent."""

    root: Path
    tasks: dict[str, Task]
    counts: list[int]


def grid(root: Path, lost_after_s: float) -> dict[str, Task]:
    """The tasks; that of a lost node is longer than SLURM needs to give the node up."""
    tasks = {}
    for name in [*SURVIVORS, *FATAL]:
        steps = STEPS
        if name in ("node", "preempt"):
            steps = int((lost_after_s + 15) / PAUSE_S) if name == "node" else 3 * STEPS
        folder = str(root / ("small/full-disk" if name == "full-disk" else name))
        argv = ["python", PROGRAM, folder, "--steps", str(steps), "--pause", str(PAUSE_S)]
        stage = name if name in CONFIG.stages else "train"
        tasks[name] = Task(folder, (*argv, *FAULTS.get(name, [])), stage)
    child = str(root / "child")
    parent = tasks["exception"].folder
    tasks["child-of-exception"] = Task(child, ("python", PROGRAM, child), "score", (parent,))
    return tasks


def steps_of(task: Task) -> int:
    """How many steps a task was told to count."""
    return int(task.argv[task.argv.index("--steps") + 1])


def send(root: Path, lost_after_s: float) -> subprocess.Popen[str]:
    """Submit from a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "helpers.fault_grid", str(root), str(lost_after_s)],
        env={**os.environ, "PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def disturb(cluster: Cluster, root: Path, lost_after_s: float) -> Outcome:
    """Submit the grid twice at once, do all the harm, and wait for the last collecting job."""
    tasks = grid(root, lost_after_s)
    small = root / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=False)
    try:
        submitters = [send(root, lost_after_s), send(root, lost_after_s)]
        counts = sorted(int(s.communicate(timeout=120)[0]) for s in submitters)
        _do_harm(cluster, root, tasks, lost_after_s)
        wait(lambda: list((root / "launch").glob("collect-*.log")), 900, "for the collecting job")
        return Outcome(root, tasks, counts)
    finally:
        for path in root.rglob("attempts.jsonl"):
            print(path.parent.name, path.read_text(), sep="\n")


def _do_harm(cluster: Cluster, root: Path, tasks: dict[str, Task], lost_after_s: float) -> None:
    job = records.jobs_of_folders(records.load_all(root / "launch"))
    ids = {name: job[task.folder] for name, task in tasks.items()}

    def node_of(name: str) -> str:
        return queue.mine()[ids[name]].nodes

    def when_begun(name: str, act: Callable[[str], object]) -> None:
        wait(lambda: step(tasks[name]) >= 3, 300, f"for {name} to begin")
        act(name)

    def preempt(name: str) -> None:
        words = ("sbatch", "-p", "high", "-w", node_of(name), "-c8", "-o/dev/null")
        cluster.run(*words, "--wrap=sleep 2")

    def preempt_often(name: str) -> None:
        for number in range(1, PREEMPTIONS + 1):
            preempt(name)
            again = number + 1
            wait(lambda: starts(tasks[name]) >= again, 300, "to be started again")  # noqa: B023

    def lose_node(name: str, and_all_on_it: bool) -> None:
        node, lease = node_of(name), read_lease(tasks[name].folder)
        cluster.stop_node(node)  # the job's processes go on: nobody can tell them
        if and_all_on_it:
            cluster.kill_job(lease.job)
        limit = 3 * lost_after_s + 60
        wait(lambda: queue.mine()[ids[name]].state != "RUNNING", limit, f"for {node} to be lost")
        cluster.start_node(node)

    harm = {
        "timeout": lambda name: queue.run(["scancel", "--signal=USR2", ids[name]]),
        "container": lambda name: queue.run(["scancel", "--signal=USR2", ids[name]]),
        "requeue": lambda name: queue.requeue(ids[name]),
        "worker": lambda name: os.kill(read_lease(tasks[name].folder).pid, signal.SIGKILL),
        "scancel": lambda name: queue.cancel([ids[name]]),
        "preempt": preempt_often,
        "preempt-cancel": preempt,
        "node": lambda name: lose_node(name, and_all_on_it=False),
        "power": lambda name: lose_node(name, and_all_on_it=True),
    }
    with ThreadPoolExecutor(len(harm)) as pool:
        for result in [pool.submit(when_begun, name, act) for name, act in harm.items()]:
            result.result()
        cluster.stop_controller()
        time.sleep(1)
        cluster.start_controller()


def step(task: Task) -> int:
    """How far a task has counted."""
    try:
        return json.loads(Path(task.folder, "state.json").read_text())["step"]
    except FileNotFoundError:
        return 0


def starts(task: Task) -> int:
    """How often a task's program was started."""
    return len(Path(task.folder, "starts").read_text().splitlines())


def main(root: Path, lost_after_s: float) -> None:
    sent = submit(
        list(grid(root, lost_after_s).values()),
        home=root / "launch",
        name="faults",
        config=CONFIG,
        project=PROJECT,
        collect=("python", "-c", "print(1)"),
    )
    print(sent.count)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
