"""A submitter that ends at any moment: the same command then sends everything, once."""

import getpass
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from helpers.slurm_tasks import alive, ends_after, make, send, wait

from slurm import queue, records
from slurm.errors import SlurmError
from slurm.task import Task

SAID = ("python", "-c", "import os; open('collected', 'a').write('x')")


def grid(root: Path) -> list[Task]:
    """Two cells of two stages."""
    first = [make(root, f"train-{k}", stage="train") for k in range(2)]
    return [
        *first,
        *(make(root, f"score-{k}", stage="score", after=(first[k].folder,)) for k in range(2)),
    ]


def submit_and_end_after(root: Path, last: int, project: Path) -> bool:
    """Submit, and end after so many outer effects; whether there were so many."""
    return ends_after(last, lambda: send(grid(root), root, collect=SAID, project=project))


def check_queue(tasks: list[Task], root: Path) -> None:
    """Every task has one job that will start, and one collecting job waits for all of them."""
    jobs = alive()
    assert not [job for job in jobs if job.held]
    newest = records.jobs_of_folders(records.load_all(root / "launch"))
    collectors = {
        job.job_id
        for one in records.load_all(root / "launch")
        for job in one.jobs
        if job.stage == "collect"
    }
    assert {job.id for job in jobs} - collectors == {newest[task.folder] for task in tasks}
    assert len({job.id for job in jobs} & collectors) == 1


@pytest.fixture
def nothing_starts(cluster, monkeypatch):
    """Nodes that are taken: what is in the queue stays there to be looked at."""
    cluster.run("scancel", "-u", getpass.getuser())
    words = ("--parsable", "-phigh", "-N4", "--exclusive", "--mem=0", "-o/dev/null")
    job = cluster.run("sbatch", *words, "--wrap=sleep 600").strip()
    wait(lambda: queue.state(job) == "RUNNING")
    # A job of an earlier test may be a while in ending, or have been put back by a node's end.
    monkeypatch.setattr("helpers.slurm_tasks.NOT_OURS", {job, *(j.id for j in alive())})
    yield
    cluster.run("scancel", job)


def test_ended_at_any_moment_the_next_submission_sends_all_once(nothing_starts, tmp_path, project):
    last, came = 0, True
    while came:
        last += 1
        root = tmp_path / str(last)
        came = submit_and_end_after(root, last, project)
        may_run = {job.id for job in alive() if not job.held}
        assert send(grid(root), root, collect=SAID, project=project).count in (0, 4)
        assert may_run <= {job.id for job in alive()}  # what may be at work is never taken away
        check_queue(grid(root), root)
        assert send(grid(root), root, collect=SAID, project=project).count == 0
        check_queue(grid(root), root)
        queue.cancel(job.array for job in alive())
    assert last > 20  # else nothing was counted


@pytest.mark.slow
@pytest.mark.slurm
def test_ended_at_any_moment_and_sent_again_every_task_runs_once(cluster, tmp_path, project):
    """The same, with jobs that run meanwhile."""
    last, came, roots = 0, True, []
    while came:
        last += 1
        roots.append(tmp_path / str(last))
        came = submit_and_end_after(roots[-1], last, project)
        send(grid(roots[-1]), roots[-1], collect=SAID, project=project)
    for root in roots:
        wait(lambda: list((root / "launch").glob("collect-*.log")), 900)  # noqa: B023
        for task in grid(root):
            assert task.done
            assert len(Path(task.folder, "starts").read_text().splitlines()) == 1
    wait(lambda: not alive())


def test_keyboard_interrupt_leaves_nothing_in_the_queue(
    nothing_starts, tmp_path, monkeypatch, project
):
    from slurm import sbatch

    original, sent = sbatch.send, []

    def interrupted(*words):
        sent.append(original(*words))
        if len(sent) == 2:
            raise KeyboardInterrupt
        return sent[-1]

    monkeypatch.setattr(sbatch, "send", interrupted)
    with pytest.raises(KeyboardInterrupt):
        send(grid(tmp_path), tmp_path, project=project)
    assert not alive()
    monkeypatch.setattr(sbatch, "send", original)
    assert send(grid(tmp_path), tmp_path, project=project).count == 4


def test_refused_collecting_job_is_sent_by_the_same_command(
    nothing_starts, tmp_path, fake_sbatch, project
):
    fake_sbatch(
        'case "$1" in --test-only) exec $REAL "$@";; esac\n'
        'if grep -q test-collect "$1"; then echo "QOSMaxSubmitJobPerUserLimit" >&2; exit 1; fi\n'
        'exec $REAL "$@"'
    )
    with pytest.raises(SlurmError, match=r"not the one that collects.*QOSMaxSubmit"):
        send(grid(tmp_path), tmp_path, project=project, collect=SAID)
    assert Counter(job.held for job in alive()) == {False: 4}
    fake_sbatch('exec $REAL "$@"')
    sent = send(grid(tmp_path), tmp_path, project=project, collect=SAID)
    assert (sent.count, sent.left_out) == (0, {"queued": 4})
    assert sent.collect_job
    check_queue(grid(tmp_path), tmp_path)


def test_array_that_turns_up_late_is_taken_away(nothing_starts, tmp_path, fake_sbatch, project):
    """`sbatch` goes on when its submitter is killed, and may be accepted after we looked."""
    fake_sbatch(
        'case "$1" in --test-only) exec $REAL "$@";; esac\ncp "$1" "$HERE/late.sh"; kill -9 $PPID'
    )
    if not os.fork():
        send([make(tmp_path, "a")], tmp_path, project=project)
        os._exit(0)
    os.wait()
    fake_sbatch('exec $REAL "$@"')
    task = make(tmp_path, "a")
    assert send([task], tmp_path, project=project).count == 1
    late = subprocess.run(
        ["sbatch", str(tmp_path / "bin" / "late.sh")], capture_output=True, text=True, check=True
    )
    assert len(alive()) == 3  # the late one is held
    assert send([task], tmp_path, project=project).count == 0
    assert late.stdout.split()[-1] not in {job.id for job in alive()}
    check_queue([task], tmp_path)
