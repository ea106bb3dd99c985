"""Clients of SLURM as sites and users set them: what is asked, what is understood, and a
controller that is busy for a moment. The clients here are scripts of a few lines."""

import os
import time
from pathlib import Path

import pytest

from slurm import attempts, collect, queue, records
from slurm.errors import SlurmError
from slurm.queue import QueuedJob
from slurm.task import Task


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Put a script in the place of a client; it finds a folder of its own as $HERE."""

    def install(name: str, script: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\nHERE={folder}\n{script}\n")
        (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return folder

    monkeypatch.setattr(queue, "PAUSE_S", 0.0)
    monkeypatch.setattr(queue, "REQUEUE_PAUSE_S", 0.0)
    return install


ONCE = 'if [ ! -e "$HERE/asked" ]; then touch "$HERE/asked"; echo "$SAID" >&2; exit 1; fi\n'
TIMED_OUT = "slurm_load_jobs error: Socket timed out on send/recv operation"
JOB = "echo '7|RUNNING|1|None|n1|mine'"


def test_a_question_that_timed_out_once_is_asked_again(client):
    client("squeue", f"SAID='{TIMED_OUT}'\n{ONCE}{JOB}")
    assert queue.mine()["7"].state == "RUNNING"


def test_a_client_that_hung_once_is_asked_again(client, monkeypatch):
    """It is given up after a while."""
    monkeypatch.setattr(queue, "TIMEOUT_S", 1)
    monkeypatch.setattr(queue.run, "__defaults__", (1, 1))
    client("squeue", f'[ -e "$HERE/asked" ] || {{ touch "$HERE/asked"; exec sleep 60; }}\n{JOB}')
    assert list(queue.mine()) == ["7"]


def test_what_is_wrong_for_good_is_said_at_once(client):
    here = client("squeue", 'echo x >> "$HERE/asked"; echo "Invalid user" >&2; exit 1')
    with pytest.raises(SlurmError, match="Invalid user"):
        queue.mine()
    assert (here / "asked").read_text() == "x\n"


def test_clusters_names_and_others_comments_are_no_jobs(client):
    """SLURM_CLUSTERS puts names above jobs; a federation's ids are long; a comment has lines."""
    lines = [
        "CLUSTER: north",
        "67109080|RUNNING|1|None|n1|task-1",
        "67109081_3|PENDING|0|JobHeldUser||task-2",
        "",
        "CLUSTER: south",
        "12|PENDING|N/A|Priority||a comment | of",
        "three lines",
        "13|COMPLETED|1|None|n2|(null)",
    ]
    latin = "printf '14|RUNNING|1|None|n1|gr\\374n\\n'"
    client("squeue", "cat <<'END'\n" + "\n".join(lines) + f"\nEND\n{latin}")
    jobs = queue.mine()
    assert list(jobs) == ["67109080", "67109081_3", "12", "13", "14"]
    assert jobs["67109081_3"].held
    assert jobs["67109081_3"].array == "67109081"
    assert not jobs["12"].held
    assert jobs["12"].comment == "a comment | of"
    assert jobs["13"].comment == ""


def test_what_users_set_for_their_own_looks_hides_nothing(client, monkeypatch):
    for name in ("SQUEUE_PARTITION", "SQUEUE_STATES", "SACCT_FORMAT"):
        monkeypatch.setenv(name, "gpu")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    here = client("squeue", 'env > "$HERE/env"; echo "$@" > "$HERE/words"')
    queue.mine()
    names = {line.partition("=")[0] for line in (here / "env").read_text().splitlines()}
    assert "SLURM_CONF" in names
    assert not [name for name in names if name.startswith(("SQUEUE", "SACCT"))]
    assert f"-u {os.getuid()} " in (here / "words").read_text()


def test_without_accounting_nothing_is_known_of_what_is_forgotten(client):
    client("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert queue.ended(["12_3"]) == {}


def test_a_requeue_is_asked_for_until_the_controller_is_back(client):
    client("scontrol", f"SAID='Unable to contact slurm controller'\n{ONCE}")
    queue.requeue("7")
    here = client("scontrol", 'echo x >> "$HERE/refused"; echo "Access/permission denied"; exit 1')
    with pytest.raises(SlurmError, match="denied"):
        queue.requeue("7")
    assert (here / "refused").read_text() == "x\n"


def submission(home: Path, job_id: str, task: Task, earlier=()) -> records.Submission:
    one = records.new(home, "study", home, [], earlier)
    one.jobs.append(records.JobRecord(records.token(), "run", [task], {}, job_id))
    one.phase = "released"
    one.save()
    return one


def test_what_was_sent_last_is_newest_on_a_machine_whose_clock_is_late(tmp_path, monkeypatch):
    """The collecting job runs on a node, five minutes behind the machine that submits."""
    task = Task(str(tmp_path / "a"), ("true",))
    first = submission(tmp_path, "7", task)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 300)
    submission(tmp_path, "8", task, [first])
    assert records.jobs_of_folders(records.load_all(tmp_path)) == {task.folder: "8"}
    # ... nor is it lost behind a record that a machine five minutes ahead has written.
    ahead = records.load_all(tmp_path)[-1]
    ahead.created = now + 300
    ahead.save()
    submission(tmp_path, "9", task, records.load_all(tmp_path))
    assert records.jobs_of_folders(records.load_all(tmp_path)) == {task.folder: "9"}


def test_a_job_with_an_id_of_ours_that_is_another_is_left_out(tmp_path):
    task = Task(str(tmp_path / "a"), ("true",))
    one = submission(tmp_path, "7", task)
    token = one.jobs[0].token
    for comment, ours in ((token, True), ("", True), ("task-of-another", False)):
        jobs = {"7": QueuedJob("7", "RUNNING", comment=comment), "5": QueuedJob("5", "RUNNING")}
        assert ("7" in records.without_strangers(jobs, [one])) is ours
        assert "5" in records.without_strangers(jobs, [one])


def test_a_failure_that_was_worth_another_try_is_not_counted_twice(tmp_path):
    """The job judged it, and could not put itself back into the queue."""
    task = Task(str(tmp_path), ("true",))
    attempts.append(tmp_path, "started")
    attempts.append(tmp_path, "failed", cause="python", error="bad luck")
    assert collect.judge(task, QueuedJob("7", "FAILED"), tmp_path) == "again"
    assert [line["outcome"] for line in attempts.read(tmp_path)].count("failed") == 1
