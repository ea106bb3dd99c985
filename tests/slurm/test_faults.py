"""Faults injected for real into one grid on the real local cluster, all at the same time.

Every surviving task must end equal, bit for bit, to one that nobody disturbed; the others must be
FAILED with the right reason.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slurm import attempts, queue, records
from slurm.config import ClusterConfig
from slurm.lease import read_lease
from slurm.submit import submit
from slurm.task import Task, read_failure, sentence

PROGRAM = str(Path(__file__).with_name("program.py").resolve())
PROJECT = Path(__file__).parents[2]
STEPS, PAUSE = 40, 0.1
LONG_STEPS = 200  # `node`: longer than SLURM needs to give the node up
CONFIG = ClusterConfig(
    defaults={"time_min": 10, "mem_gb": 0.15, "warning_s": 30},
    stages={name: {"cpus_per_task": 8} for name in ("node", "power", "preempt")},  # a whole node
)
SURVIVORS = [
    "undisturbed",
    "timeout",
    "requeue",
    "worker",
    "step",
    "exception-once",
    "controller",
    "submitters",
    "preempt",
    "node",
    "power",
]
FATAL = {"exception": "python", "memory": "memory", "silent": "no result", "scancel": "cancelled"}
FAULTS = {
    "step": ["--fault", "kill-all", "--once"],
    "exception-once": ["--fault", "exception", "--once"],
    "exception": ["--fault", "exception"],
    "memory": ["--fault", "memory"],
    "silent": ["--fault", "silent"],
}


def grid(root: Path) -> dict[str, Task]:
    tasks = {}
    for name in [*SURVIVORS, *FATAL]:
        steps = LONG_STEPS if name == "node" else STEPS
        folder = str(root / name)
        argv = ["python", PROGRAM, folder, "--steps", str(steps), "--pause", str(PAUSE)]
        stage = name if name in CONFIG.stages else "train"
        tasks[name] = Task(folder, (*argv, *FAULTS.get(name, [])), stage)
    tasks["child-of-exception"] = Task(
        str(root / "child"),
        ("python", PROGRAM, str(root / "child")),
        "score",
        (tasks["exception"].folder,),
    )
    return tasks


def wait(ready: Callable[[], object], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def step(task: Task) -> int:
    try:
        return json.loads(Path(task.folder, "state.json").read_text())["step"]
    except FileNotFoundError:
        return 0


def send(root: Path, names: list[str] | None = None) -> subprocess.Popen:
    """Submit from a process of its own, as a user would."""
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[1:3]\n"
        "import test_faults as t; from slurm.submit import submit\n"
        "root = Path(sys.argv[3])\n"
        "sent = submit(list(t.grid(root).values()), home=root / 'launch', name='faults',"
        " config=t.CONFIG, project=t.PROJECT, collect=('python', '-c', 'print(1)'))\n"
        "print(sent.count)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(PROJECT), str(Path(__file__).parent), str(root)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def disturbed(running_cluster, tmp_path_factory):
    cluster = running_cluster
    root = tmp_path_factory.mktemp("faults")
    os.environ.update(cluster.environment())
    try:
        yield from inject(cluster, root)
    finally:
        del os.environ["SLURM_CONF"]


def inject(cluster, root: Path):
    tasks = grid(root)
    submitters = [send(root), send(root)]
    counts = sorted(int(s.communicate(timeout=60)[0]) for s in submitters)
    ids = records.jobs_of_folders(records.load_all(root / "launch"))
    job = {name: ids[task.folder] for name, task in tasks.items()}

    def begun(name: str) -> Callable[[], bool]:
        return lambda: step(tasks[name]) >= 3

    def at(name: str, act: Callable[[], object]) -> None:
        wait(begun(name), f"{name} to begin")
        act()

    def preempt() -> None:
        node = queue.mine()[job["preempt"]].nodes
        cluster.run("sbatch", "-p", "high", "-w", node, "-c8", "-o/dev/null", "--wrap=sleep 3")

    def lose_node() -> None:
        node = queue.mine()[job["node"]].nodes
        cluster.stop_node(node)  # the job's processes go on: nobody can tell them
        wait(lambda: queue.mine()[job["node"]].state != "RUNNING", "the node to be given up")
        cluster.start_node(node)

    def power_cut() -> None:
        node = queue.mine()[job["power"]].nodes
        lease = read_lease(tasks["power"].folder)
        cluster.stop_node(node)
        cluster.kill_job(lease.job)
        wait(lambda: queue.mine()[job["power"]].state != "RUNNING", "the node to be given up")
        cluster.start_node(node)

    def kill_worker() -> None:
        os.kill(read_lease(tasks["worker"].folder).pid, signal.SIGKILL)

    actions = {
        "timeout": lambda: queue.run(["scancel", "--signal=USR2", job["timeout"]]),
        "requeue": lambda: queue.requeue(job["requeue"]),
        "worker": kill_worker,
        "scancel": lambda: queue.cancel([job["scancel"]]),
        "preempt": preempt,
        "node": lose_node,
        "power": power_cut,
    }
    with ThreadPoolExecutor(len(actions)) as pool:
        for result in [pool.submit(at, name, act) for name, act in actions.items()]:
            result.result()
        cluster.stop_controller()
        time.sleep(1)
        cluster.start_controller()
    try:
        wait(lambda: list((root / "launch").glob("collect-*.log")), "the collecting job", 120)
    finally:
        print(json.dumps({n: attempts.read(t.folder) for n, t in tasks.items()}, indent=1))
    yield tasks, counts


def test_two_submitters_at_once_send_every_task_once(disturbed):
    tasks, counts = disturbed
    assert counts == [0, len(tasks)]


@pytest.mark.parametrize("name", SURVIVORS)
def test_survivor_ends_as_if_undisturbed(disturbed, name, tmp_path):
    tasks, _ = disturbed
    assert tasks[name].done
    steps = LONG_STEPS if name == "node" else STEPS
    argv = [sys.executable, PROGRAM, str(tmp_path), "--steps", str(steps), "--pause", "0"]
    subprocess.run(argv, check=True, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    expected = (tmp_path / "DONE.json").read_bytes()
    assert Path(tasks[name].folder, "DONE.json").read_bytes() == expected


# `node`: the copy on the lost node may finish before the new one gets the lease.
@pytest.mark.parametrize(
    "name", sorted({*SURVIVORS} - {"undisturbed", "controller", "submitters", "node"})
)
def test_disturbed_task_really_was_interrupted_and_resumed(disturbed, name):
    starts = Path(disturbed[0][name].folder, "starts").read_text().splitlines()
    assert len(starts) >= 2
    assert all(not line.endswith(" from 0") for line in starts[1:])


@pytest.mark.parametrize(("name", "cause"), FATAL.items())
def test_fatal_fault_is_named(disturbed, name, cause):
    task = disturbed[0][name]
    assert not task.done
    assert read_failure(task.folder)["cause"] == cause


@pytest.mark.parametrize("name", ["exception", "memory", "silent"])
def test_same_failure_three_times_is_final_and_says_so(disturbed, name):
    folder = disturbed[0][name].folder
    assert read_failure(folder)["gave_up"] == "failed in the same way 3 times"
    assert sum(line["outcome"] == "failed" for line in attempts.read(folder)) == 3


def test_traceback_of_the_program_is_kept(disturbed):
    failure = read_failure(disturbed[0]["exception"].folder)
    assert failure["traceback"] == "Traceback ..."
    assert sentence(failure) == "ValueError: bad luck"


def test_task_whose_parent_failed_never_ran_and_is_not_called_failed(disturbed):
    task = disturbed[0]["child-of-exception"]
    assert not task.done
    assert not task.failed
    assert not Path(task.folder, "starts").exists()


def test_submitting_again_sends_only_what_was_cancelled_or_blocked(disturbed):
    tasks, _ = disturbed
    root = Path(tasks["undisturbed"].folder).parent
    sent = submit(
        list(tasks.values()), home=root / "launch", name="faults", config=CONFIG, project=PROJECT
    )
    names = {task.folder for job in sent.jobs.values() for task in job}
    assert names == {tasks["scancel"].folder, tasks["child-of-exception"].folder}
    assert sent.left_out == {"done": len(SURVIVORS), "failed": 3}
    wait(lambda: tasks["scancel"].done, "the cancelled task to finish at last")
