"""Submitting to the real local cluster: what runs, with which code and environment, and what is
refused before anything is queued."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.slurm_tasks import CONFIG, HERE, PROJECT, alive, make, send, wait

from slurm import records, sharing
from slurm.config import ClusterConfig
from slurm.errors import SlurmError, SlurmInputError
from slurm.submit import dry_run
from slurm.task import Task, read_failure


def test_chain_runs_in_order_and_again_submitted_sends_nothing(cluster, tmp_path):
    a = make(tmp_path, "a", stage="train")
    b = make(tmp_path, "b", stage="score", after=(a.folder,))
    collect = ("python", "-c", "import os; print(os.listdir('..'))")
    sent = send([a, b], tmp_path, collect=collect)
    assert sent.count == 2
    wait(lambda: list((tmp_path / "launch").glob("collect-*.log")))
    assert a.done
    assert b.done
    again = send([a, b], tmp_path, collect=collect)
    assert (again.count, again.left_out) == (0, {"done": 2})
    assert len(records.load_all(tmp_path / "launch")) == 1


def test_what_needs_several_begins_when_its_own_are_done_whatever_others_do(cluster, tmp_path):
    """Two cells, of which the second stands still in its training."""
    go = tmp_path / "go"
    slow = [("--wait-for", str(go)) if k else () for k in range(2)]
    trained = [make(tmp_path, f"t{k}", *slow[k], stage="train") for k in range(2)]
    shares = [
        make(tmp_path, f"s{k}{part}", stage="shard", after=(task.folder,))
        for k, task in enumerate(trained)
        for part in "ab"
    ]
    whole = [
        make(tmp_path, f"w{k}", stage="sample", after=(trained[k].folder, a.folder, b.folder))
        for k, (a, b) in enumerate((shares[:2], shares[2:]))
    ]
    send([*trained, *shares, *whole], tmp_path, collect=("python", "-c", ""))
    wait(lambda: whole[0].done, 120)
    assert not trained[1].done
    go.touch()
    wait(lambda: list((tmp_path / "launch").glob("collect-*.log")), 120)
    assert all(task.done for task in (*trained, *shares, *whole))
    assert len(records.load_all(tmp_path / "launch")) == 1


def test_queued_tasks_are_not_sent_twice_and_their_children_wait_for_them(cluster, tmp_path):
    a = make(tmp_path, "a", "--pause", "0.2", "--steps", "15", stage="train")
    b = make(tmp_path, "b", stage="score", after=(a.folder,))
    assert send([a], tmp_path).count == 1
    sent = send([a, b], tmp_path)
    assert [t for tasks in sent.jobs.values() for t in tasks] == [b]
    wait(lambda: b.done)


def test_jobs_run_the_code_of_the_moment_of_submission(cluster, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "slurm", project / "slurm")
    (project / "work.py").write_text(WORK.replace("VERSION", "old"))
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    tasks = [
        Task(str(tmp_path / f"r{k}"), ("python", "-m", "work", str(tmp_path / f"r{k}")))
        for k in range(2)
    ]
    config = CONFIG.override(["parallel=1"])
    send(tasks, tmp_path, config, project=project)
    (project / "work.py").write_text(WORK.replace("VERSION", "new"))
    wait(lambda: all(task.done for task in tasks))
    values = [json.loads(Path(t.folder, "DONE.json").read_text()) for t in tasks]
    assert [v["version"] for v in values] == ["old", "old"]
    assert all("/snapshots/" in v["cwd"] for v in values)


def test_names_and_folders_may_hold_what_shells_and_slurm_take_apart(cluster, tmp_path):
    root = tmp_path / "runs of 'today', 50% & more; $HOME"
    tasks = [make(root, f"task {k}", stage="the stage") for k in range(2)]
    child = make(root, "its child", stage="after", after=(tasks[0].folder,))
    sent = send([*tasks, child], root, name="my study: it's", collect=("python", "-c", ""))
    assert sent.count == 3
    wait(lambda: list((root / "launch").glob("collect-*.log")), 120)
    assert all(task.done for task in (*tasks, child))


def test_one_element_of_an_array_cancelled_while_it_waits_is_the_only_one(cluster, tmp_path):
    tasks = [make(tmp_path, f"t{k}", "--pause", "0.1", "--steps", "20") for k in range(3)]
    after = [make(tmp_path, f"c{k}", stage="score", after=(t.folder,)) for k, t in enumerate(tasks)]
    config = CONFIG.override(["parallel=1"])
    send([*tasks, *after], tmp_path, config, collect=("python", "-c", ""))
    sent = records.jobs_of_folders(records.load_all(tmp_path / "launch"))
    wait(lambda: Path(tasks[0].folder, "state.json").exists())
    cluster.run("scancel", sent[tasks[1].folder])
    wait(lambda: list((tmp_path / "launch").glob("collect-*.log")), 180)
    assert [task.done for task in tasks] == [True, False, True]
    assert read_failure(tasks[1].folder)["cause"] == "cancelled"
    assert [task.done for task in after] == [True, False, True]
    assert not after[1].failed
    again = send([*tasks, *after], tmp_path, config)
    assert {t.name for job in again.jobs.values() for t in job} == {"t1", "c1"}


WORK = """
import json, os, sys
from pathlib import Path
values = {"version": "VERSION", "cwd": os.getcwd(), "environment": dict(os.environ)}
Path(sys.argv[1], "DONE.json").write_text(json.dumps(values))
"""


def test_environment_is_scrubbed_but_for_what_is_asked_for(cluster, tmp_path, monkeypatch):
    for name, value in {
        "SECRET_TOKEN": "x",
        "WANTED": "kept",
        "RANK": "7",
        "SLURM_NTASKS": "99",
        "PYTHONPATH": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    program = tmp_path / "work.py"
    program.write_text(WORK)
    task = Task(str(tmp_path / "r"), ("python", str(program), str(tmp_path / "r")))
    config = ClusterConfig({"keep_environment": ("WANTED",), "setup": ("export SET_UP=yes",)})
    send([task], tmp_path, config)
    wait(lambda: task.done)
    found = json.loads(Path(task.folder, "DONE.json").read_text())["environment"]
    assert found["WANTED"] == "kept"
    assert found["SET_UP"] == "yes"
    assert found["SLURM_NTASKS"] == "1"
    assert "/nowhere" not in found["PYTHONPATH"]
    assert {"SECRET_TOKEN", "RANK"}.isdisjoint(found)


def test_two_ranks_on_two_nodes_meet_through_gloo(cluster, tmp_path):
    folder = str(tmp_path / "r")
    task = Task(folder, ("python", str(HERE / "gloo_program.py"), folder))
    config = ClusterConfig({"nodes": 2, "gpus_per_node": 1, "mem_gb": 2.0})
    send([task], tmp_path, config)
    wait(lambda: task.done or task.failed)
    values = json.loads(Path(folder, "DONE.json").read_text())
    assert values["sum"] == 3.0
    assert [rank for rank, _ in values["ranks"]] == [0, 1]
    assert len({node for _, node in values["ranks"]}) == 2


def test_job_that_lost_even_its_batch_script_is_sent_again_by_the_collecting_job(cluster, tmp_path):
    task = make(tmp_path, "a", "--pause", "0.2", "--steps", "15")
    sent = send([task], tmp_path, collect=("python", "-c", "print('collected')"))
    wait(lambda: Path(task.folder, "state.json").exists())
    (job,) = sent.jobs
    cluster.run("scancel", "--batch", "--signal=KILL", job)
    wait(lambda: list((tmp_path / "launch").glob("collect-*.log")))
    assert task.done
    assert len(records.load_all(tmp_path / "launch")) == 2
    assert not Path(task.folder, "starts").read_text().splitlines()[1].endswith(" from 0")


# --- bad input: named before anything is queued -------------------------------------------------


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("partition=nope", "'run'.*partition.*partition='nope'.*Nothing was submitted"),
        ("mem_gb=99999", "'run'.*mem_gb=99999"),
        ("gpus_per_node=9", "gpus_per_node=9"),
        ("constraint=fast", "constraint='fast'"),
    ],
)
def test_request_that_slurm_rejects_is_named(cluster, tmp_path, override, message):
    with pytest.raises(SlurmInputError, match=message):
        send([make(tmp_path, "a")], tmp_path, CONFIG.override([override]))
    assert not alive()
    assert not records.load_all(tmp_path / "launch")


def test_unknown_account_is_named(cluster, tmp_path, fake_sbatch):
    fake_sbatch('echo "sbatch: error: Invalid account or account/partition" >&2; exit 1')
    with pytest.raises(SlurmInputError, match=r"Invalid account.*account='lab'"):
        send([make(tmp_path, "a")], tmp_path, CONFIG.override(["account=lab"]))


def test_without_slurm_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlurmInputError, match="--on local"):
        send([make(tmp_path, "a")], tmp_path)


def test_sbatch_that_prints_nothing_leaves_nothing_in_the_queue(cluster, tmp_path, fake_sbatch):
    fake_sbatch('case "$1" in --test-only) exec $REAL "$@";; esac; $REAL "$@" >/dev/null')
    task = make(tmp_path, "a")
    with pytest.raises(SlurmError, match="sbatch failed"):
        send([task], tmp_path)
    assert not alive()  # it had been accepted, and was taken back by its token
    fake_sbatch('exec $REAL "$@"')
    assert send([task], tmp_path).count == 1
    wait(lambda: task.done)


def test_what_was_accepted_before_a_refusal_runs_and_the_rest_is_sent_later(
    cluster, tmp_path, fake_sbatch
):
    a = make(tmp_path, "a", stage="train")
    b = make(tmp_path, "b", stage="score", after=(a.folder,))
    fake_sbatch(
        'case "$1" in --test-only) exec $REAL "$@";; esac\n'
        'if grep -q test-score "$1"; then echo "QOSMaxSubmitJobPerUserLimit" >&2; exit 1; fi\n'
        'exec $REAL "$@"'
    )
    with pytest.raises(SlurmError, match=r"accepted 1 of 2.*QOSMaxSubmitJobPerUserLimit"):
        send([a, b], tmp_path)
    wait(lambda: a.done)
    assert not b.done
    fake_sbatch('exec $REAL "$@"')
    assert send([a, b], tmp_path).count == 1
    wait(lambda: b.done)


def test_submitter_killed_half_way_leaves_held_jobs_that_the_next_one_clears(
    cluster, tmp_path, fake_sbatch
):
    fake_sbatch('case "$1" in --test-only) exec $REAL "$@";; esac; $REAL "$@"; kill -9 $PPID')
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "import slurm_tasks as t; root = Path(sys.argv[1]); t.send([t.make(root, 'a')], root)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(HERE)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
    )
    assert process.returncode == -9
    (held,) = alive()
    assert (held.state, held.reason) == ("PENDING", "JobHeldUser")
    fake_sbatch('exec $REAL "$@"')
    task = make(tmp_path, "a")
    assert send([task], tmp_path).count == 1
    wait(lambda: task.done)
    assert held.id not in {job.id for job in alive()}
    assert len(Path(task.folder, "starts").read_text().splitlines()) == 1


def test_folder_that_cannot_be_written_is_named(cluster, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SlurmInputError, match=r"cannot be written.*Nothing was submitted"):
        send([make(tmp_path, "a")], tmp_path / "file")


def test_folder_on_a_local_disk_is_refused_when_nodes_are_elsewhere(tmp_path):
    sharing.check_shared(tmp_path, {"127.0.0.1", "localhost"})
    kind = sharing.file_system(tmp_path)
    if kind not in sharing.LOCAL:
        pytest.skip(f"the temporary folder is on {kind}")
    with pytest.raises(SlurmInputError, match="other machines"):
        sharing.check_shared(tmp_path, {"192.0.2.7"})


def test_dry_run_prints_the_batch_scripts_and_changes_nothing(tmp_path):
    a = make(tmp_path, "a", stage="train")
    b = make(tmp_path, "b", stage="train")
    c = make(tmp_path, "c", stage="score", after=(a.folder,))
    config = CONFIG.override(["train.partition=gpu", "train.gpus_per_node=h100:4", "qos=long"])
    config = config.override(["sbatch={exclusive=true, no-kill=false}", "cpus_per_task=3"])
    if shutil.which("srun") is None:
        pytest.skip("submitit needs srun on the PATH")
    train, score = dry_run([a, b, c], home=tmp_path / "launch", name="demo", config=config)
    for line in ("--array=0-1%2", "--partition=gpu", "--gpus-per-node=h100:4", "--exclusive"):
        assert f"#SBATCH {line}\n" in train
    assert "#SBATCH --signal=USR2@90" in train
    assert "--cpus-per-task=3" in train.partition("srun ")[2]  # which does not ask sbatch for it
    assert "--partition" not in score
    assert "no-kill" not in train
    assert "#SBATCH --qos=long" in score
    assert "afterany:<job 1>" in score
    assert list(tmp_path.iterdir()) == []
