"""Faults injected for real into one grid on a real local cluster, all at the same time: on the
quick cluster, and on one with SLURM's default settings.

Every surviving task must end equal, bit for bit, to one that nobody disturbed; the others must be
FAILED with the right reason.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers.fault_grid import CONFIG, FATAL, PREEMPTIONS, SURVIVORS, Outcome, disturb, steps_of
from helpers.slurm_tasks import PROGRAM, PROJECT, wait

from slurm import attempts
from slurm.cluster import down, up
from slurm.failures import group
from slurm.submit import submit
from slurm.task import Task, read_failure, sentence

DEFAULTS = pytest.param("defaults", marks=[pytest.mark.slow, pytest.mark.slurm])
LOST_AFTER_S = {"quick": 5, "defaults": 300}  # SlurmdTimeout


@pytest.fixture(scope="module", params=["quick", DEFAULTS])
def disturbed(request, running_cluster, tmp_path_factory) -> Outcome:
    root = tmp_path_factory.mktemp("faults")
    cluster, own = running_cluster, None
    with pytest.MonkeyPatch.context() as patch:
        try:
            if request.param == "defaults":
                own = Path(tempfile.mkdtemp(prefix="cluster-"))
                cluster = up(own, quick=False)
            for name, value in cluster.environment().items():
                patch.setenv(name, value)
            yield disturb(cluster, root, LOST_AFTER_S[request.param])
        finally:
            subprocess.run(["umount", str(root / "small")], check=False, capture_output=True)
            if own:
                down(own)
                shutil.rmtree(own, ignore_errors=True)


def undisturbed(task: Task, folder: Path) -> bytes:
    """What a task's program writes when it is left alone."""
    argv = [sys.executable, PROGRAM, str(folder), "--steps", str(steps_of(task)), "--pause", "0"]
    subprocess.run(argv, check=True, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    return (folder / "DONE.json").read_bytes()


def failures(task: Task) -> int:
    return sum(line["outcome"] == "failed" for line in attempts.read(task.folder))


def test_two_submitters_at_once_send_every_task_once(disturbed):
    assert disturbed.counts == [0, len(disturbed.tasks)]


@pytest.mark.parametrize("name", SURVIVORS)
def test_survivor_ends_as_if_undisturbed(disturbed, name, tmp_path):
    task = disturbed.tasks[name]
    assert task.done
    assert Path(task.folder, "DONE.json").read_bytes() == undisturbed(task, tmp_path)


# `node`: the copy on the lost node may finish before the new one gets the lease.
@pytest.mark.parametrize("name", sorted({*SURVIVORS} - {"undisturbed", "node"}))
def test_disturbed_task_was_interrupted_and_resumed_and_repeated_nothing(disturbed, name):
    folder = Path(disturbed.tasks[name].folder)
    starts = (folder / "starts").read_text().splitlines()
    assert len(starts) > (PREEMPTIONS if name == "preempt" else 1)
    assert all(not line.endswith(" from 0") for line in starts[1:])
    steps = [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert len(steps) - len(set(steps)) <= len(starts) - 1  # at most the step that was cut off


@pytest.mark.parametrize("name", ["timeout", "requeue", "preempt", "preempt-cancel", "power"])
def test_what_the_cluster_does_is_not_counted_as_a_failure(disturbed, name):
    assert failures(disturbed.tasks[name]) == 0


@pytest.mark.parametrize(("name", "cause"), FATAL.items())
def test_fatal_fault_is_named(disturbed, name, cause):
    task = disturbed.tasks[name]
    if name == "full-disk" and not os.path.ismount(disturbed.root / "small"):
        pytest.skip("no small disk could be mounted here")
    assert not task.done
    assert read_failure(task.folder)["cause"] == cause


@pytest.mark.parametrize("name", ["exception", "memory", "silent", "setup", "rank"])
def test_same_failure_three_times_is_final_and_says_so(disturbed, name):
    task = disturbed.tasks[name]
    assert read_failure(task.folder)["gave_up"] == "failed in the same way 3 times"
    assert failures(task) == 3


def test_misuse_is_not_tried_again(disturbed):
    task = disturbed.tasks["misuse"]
    assert failures(task) == 1
    assert read_failure(task.folder)["gave_up"] == "trying again cannot help"


def test_full_disk_is_named_and_not_counted(disturbed):
    if not os.path.ismount(disturbed.root / "small"):
        pytest.skip("no small disk could be mounted here")
    task = disturbed.tasks["full-disk"]
    assert failures(task) == 0
    (found,) = group([task])
    assert found.likely == "the disk or a quota is full"


def test_line_of_setup_that_failed_is_named(disturbed):
    failure = read_failure(disturbed.tasks["setup"].folder)
    assert "module load nothing-of-that-name" in failure["message"]
    assert "exit code 127" in failure["message"]


def test_first_rank_that_failed_is_shown(disturbed):
    task = disturbed.tasks["rank"]
    failure = read_failure(task.folder)
    assert "ValueError: bad luck on another node" in failure["traceback"]
    assert failure["message"].startswith("rank 1 on n")
    (found,) = group([task])
    assert any("bad luck on another node" in line for line in found.last_lines)


def test_traceback_of_the_program_is_kept(disturbed):
    failure = read_failure(disturbed.tasks["exception"].folder)
    assert failure["traceback"] == "Traceback ..."
    assert sentence(failure) == "ValueError: bad luck"


def test_task_whose_parent_failed_never_ran_and_is_not_called_failed(disturbed):
    task = disturbed.tasks["child-of-exception"]
    assert not task.done
    assert not task.failed
    assert not Path(task.folder, "starts").exists()


def test_submitting_again_sends_only_what_was_cancelled_or_blocked(disturbed):
    tasks = {n: t for n, t in disturbed.tasks.items() if n != "full-disk"}
    home = disturbed.root / "launch"
    again = list(tasks.values())
    sent = submit(again, home=home, name="faults", config=CONFIG, project=PROJECT)
    names = {task.folder for job in sent.jobs.values() for task in job}
    assert names == {tasks["scancel"].folder, tasks["child-of-exception"].folder}
    assert sent.left_out == {"done": len(SURVIVORS), "failed": len(FATAL) - 2}
    wait(lambda: tasks["scancel"].done, 120, "for the cancelled task to finish at last")
