"""States are told apart from what is really there: folders, leases, logs, the queue."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slurm import attempts, queue, records
from slurm.errors import SlurmError, SlurmWarning
from slurm.failures import group, last_lines, likely
from slurm.lease import Lease
from slurm.queue import QueuedJob
from slurm.status import counts, status
from slurm.task import CANCELLED, Task


@pytest.fixture
def task(tmp_path) -> Task:
    folder = tmp_path / "train-1"
    folder.mkdir()
    return Task(str(folder), ("x",))


def log(task: Task, steps: int, age_s: float = 0.0) -> None:
    path = Path(task.folder, "log.jsonl")
    lines = [{"step": k, "loss": 1 / k, "steps_per_s": 2.0} for k in range(1, steps + 1)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 99, "lo')
    os.utime(path, (time.time() - age_s,) * 2)


def sent(task: Task, home: Path, job_id: str = "5") -> Path:
    submission = records.new(home, "study", home, [])
    submission.jobs.append(records.JobRecord("task-x", "run", [task], {}, job_id))
    submission.phase = "released"
    submission.save()
    return home


def one(task: Task, home: Path, jobs: dict | None = None, **more):
    return status([task], home, jobs or {}, **more)[0]


def test_folder_alone_tells_new_done_and_failed(task, tmp_path):
    assert one(task, tmp_path).state == "new"
    attempts.write_failure(task.folder, "killed", "killed by SIGSEGV")
    assert (one(task, tmp_path).state, one(task, tmp_path).detail) == (
        "failed",
        "killed by SIGSEGV",
    )
    Path(task.folder, "DONE.json").write_text("{}")
    assert one(task, tmp_path).state == "done"


def test_cancelled_is_not_failed(task, tmp_path):
    attempts.write_failure(task.folder, CANCELLED, "scancel")
    assert one(task, tmp_path).state == "cancelled"


def test_queued_says_what_it_waits_for(task, tmp_path):
    home = sent(task, tmp_path)
    jobs = {"5": QueuedJob("5", "PENDING", "Dependency")}
    assert (one(task, home, jobs).state, one(task, home, jobs).detail) == ("queued", "Dependency")


def test_running_shows_step_loss_and_time_remaining(task, tmp_path):
    home = sent(task, tmp_path)
    with Lease(task.folder):
        log(task, 10)
        now = one(task, home, {"5": QueuedJob("5", "RUNNING", nodes="n3")}, steps={task.folder: 20})
    assert (now.state, now.node, now.progress["step"]) == ("running", "n3", 10)
    assert now.progress["loss"] == pytest.approx(0.1)
    assert now.eta_s == pytest.approx(5, abs=0.5)


def test_work_by_hand_is_running_without_any_job(task, tmp_path):
    with Lease(task.folder):
        assert one(task, tmp_path).state == "running"


def test_slow_is_told_from_hung(task, tmp_path):
    with Lease(task.folder):
        log(task, 10, age_s=500)
        assert one(task, tmp_path).state == "running"
        log(task, 10, age_s=700)
        assert one(task, tmp_path).state == "hung"
        path = Path(task.folder, "log.jsonl")
        path.write_text(
            "".join(json.dumps({"step": k, "steps_per_s": 0.01}) + "\n" for k in range(1, 4))
        )
        os.utime(path, (time.time() - 700,) * 2)
        assert one(task, tmp_path).state == "running"  # a step takes 100 s: only slow


def test_running_job_without_heartbeat_hangs(task, tmp_path):
    home = sent(task, tmp_path)
    lease = Lease(task.folder)
    lease.__enter__()
    path = next(Path(task.folder).glob("lease-*"))
    path.write_text(path.read_text().replace(lease.token, "dead"))
    os.utime(path, (time.time() - 1000,) * 2)
    assert one(task, home, {"5": QueuedJob("5", "RUNNING")}).state == "hung"


def test_dead_without_a_word_is_lost(task, tmp_path):
    home = sent(task, tmp_path)
    code = (
        "import os, sys; from slurm.lease import Lease\n"
        "Lease(sys.argv[1]).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, task.folder])
    assert one(task, home, {"5": QueuedJob("5", "NODE_FAIL")}).state == "lost"
    assert "node_fail" in one(task, home, {"5": QueuedJob("5", "NODE_FAIL")}).detail
    assert one(task, home).state == "lost"


def test_without_the_controller_the_folders_say_what_they_know(task, tmp_path, monkeypatch):
    def silent():
        raise SlurmError("squeue failed: Unable to contact slurm controller")

    monkeypatch.setattr(queue, "mine", silent)
    monkeypatch.setattr(queue, "available", lambda: True)
    home = sent(task, tmp_path)
    log(task, 10)
    with Lease(task.folder), pytest.warns(SlurmWarning, match="Unable to contact"):
        (now,) = status([task], home)
    assert (now.state, now.progress["step"]) == ("running", 10)


def test_a_client_without_a_cluster_says_what_else_there_is(tmp_path, monkeypatch):
    client = tmp_path / "squeue"
    client.write_text(
        "#!/bin/sh\necho 'fatal: Could not establish a configuration source' >&2; exit 1"
    )
    client.chmod(0o755)
    with pytest.raises(SlurmError, match=r"knows of no cluster here.*--on local"):
        queue.run([str(client)])


def test_failures_count_from_the_last_time_a_task_got_further(task):
    for number in range(4):  # each time a step further
        log(task, number + 1)
        attempts.append(task.folder, "failed", cause="python", error=f"at step {number}")
        assert not attempts.exhausted(task.folder)
    attempts.append(task.folder, "failed", cause="python", error="at step 3")
    attempts.append(task.folder, "failed", cause="python", error="at step 3")
    assert attempts.exhausted(task.folder) == "failed in the same way 3 times"
    attempts.append(task.folder, "retry")
    assert not attempts.exhausted(task.folder)


def test_starts_that_lead_nowhere_come_to_an_end(task):
    for _ in range(attempts.IDLE_STARTS):
        assert not attempts.exhausted(task.folder)
        attempts.append(task.folder, "started")
        attempts.append(task.folder, "interrupted", cause="preempted")
    assert "without getting any further" in attempts.exhausted(task.folder)
    log(task, 1)
    attempts.append(task.folder, "started")
    assert not attempts.exhausted(task.folder)


def test_done_needs_its_word_and_what_was_to_be_made(tmp_path):
    task = Task(str(tmp_path), ("x",), makes=("model",))
    Path(tmp_path, "DONE.json").write_text("{}")
    assert not task.done
    Path(tmp_path, "model").touch()
    assert task.done
    Path(tmp_path, "DONE.json").write_text("")
    assert not task.done


def test_counts_add_up(task, tmp_path):
    assert counts(status([task, Task(str(tmp_path / "none"), ("x",))], tmp_path, {})) == {"new": 2}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "GPU"),
        ("out of memory: SLURM killed the job, which used more", "--more-memory"),
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("FileNotFoundError: No such file: '/w/unet.safetensors'", "weight file"),
        ("RunError: the loss is nan at step 12", "NaN"),
        ("the node failed (NODE_FAIL)", "node"),
        ("the time limit came before the task had saved", "time limit"),
        ("ModuleNotFoundError: No module named 'torch'", "package"),
        ("KeyError: 'x'", ""),
    ],
)
def test_likely_cause(text, cause):
    assert (cause in likely(text)) if cause else likely(text) == ""


def test_failures_group_by_error_whatever_its_numbers(tmp_path):
    tasks = []
    for k in range(5):
        folder = tmp_path / f"r{k}"
        folder.mkdir()
        tasks.append(Task(str(folder), ("x",)))
        message = f"loss is nan at step {k}" if k < 3 else "No space left on device"
        attempts.write_failure(folder, "python", message)
        (folder / "output.log").write_text("a\nb\n 10%\r 20%\r 30%\nlast words\n")
    groups = group(tasks)
    assert [(len(g.tasks), g.likely.split(":")[0]) for g in groups] == [
        (3, "the loss became NaN"),
        (2, "the disk or a quota is full"),
    ]
    assert groups[0].last_lines == ["a", "b", " 30%", "last words"]
    assert last_lines(tmp_path / "none", 3) == []
