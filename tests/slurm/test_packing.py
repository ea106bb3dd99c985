"""Several short tasks in one job, and no more in the queue than it takes."""

import json
from pathlib import Path

from helpers.slurm_tasks import CONFIG, make, send, wait

from slurm import attempts, nodes, records
from slurm.config import ClusterConfig


def collected(root: Path) -> bool:
    return bool(list((root / "launch").glob("collect-*.log")))


def test_packed_tasks_are_done_one_after_the_other_and_a_bad_one_spoils_none(
    cluster, tmp_path, project
):
    tasks = []
    for k in range(5):
        fault = ("--fault", "misuse") if k == 1 else ()
        tasks.append(make(tmp_path, f"train-{k}", *fault, stage="train"))
    for k in range(5):
        after = (tasks[k].folder,)
        tasks.append(make(tmp_path, f"score-{k}", stage="score", after=after))
    config = CONFIG.override(["runs_per_job=3"])
    sent = send(tasks, tmp_path, config, project=project, collect=("python", "-c", ""))
    assert sent.count == 10
    (submission,) = records.load_all(tmp_path / "launch")
    jobs = {id_ for job in submission.jobs for id_, _ in job.elements()}
    assert len(jobs) == 4  # two elements of each stage
    wait(lambda: collected(tmp_path))
    names = {task.name for task in tasks if task.done}
    assert names == {f"{stage}-{k}" for stage in ("train", "score") for k in (0, 2, 3, 4)}
    assert tasks[1].failed
    assert not tasks[6].failed  # its parent failed: it never ran


def test_what_finds_no_place_in_the_queue_is_sent_by_the_collecting_job(cluster, tmp_path, project):
    tasks = [make(tmp_path, f"{k}") for k in range(5)]
    config = CONFIG.override(["max_queued=4"])
    sent = send(tasks, tmp_path, config, project=project, collect=("python", "-c", ""))
    assert sent.count == 3
    wait(lambda: collected(tmp_path))
    assert all(task.done for task in tasks)
    submissions = records.load_all(tmp_path / "launch")
    assert [sum(len(job.tasks) for job in one.jobs) for one in submissions] == [3, 2]


def test_node_that_fails_three_tasks_as_no_other_does_is_excluded(cluster, tmp_path, project):
    """The first node that a task comes to is the bad one."""
    program = tmp_path / "on_a_bad_node.py"
    program.write_text(BAD)
    tasks = [make(tmp_path, f"{k}") for k in range(4)]
    tasks = [
        type(task)(task.folder, ("python", str(program), task.folder), "train") for task in tasks
    ]
    send(tasks, tmp_path, project=project, collect=("python", "-c", ""))
    wait(lambda: collected(tmp_path), 120)
    assert all(task.done for task in tasks)
    bad = (tmp_path / "bad").read_text()
    (why,) = nodes.excluded(tmp_path / "launch").values()
    assert list(nodes.excluded(tmp_path / "launch")) == [bad]
    assert "different tasks" in why
    assert {attempts.read(task.folder)[-1]["node"] for task in tasks}.isdisjoint({bad})


BAD = """
import json, os, sys
from pathlib import Path
folder = Path(sys.argv[1])
here = os.environ["SLURMD_NODENAME"]
try:
    with open(folder.parent / "bad", "x") as file:
        file.write(here)
except FileExistsError:
    pass
if (folder.parent / "bad").read_text() in ("", here):
    sys.exit("CUDA error: uncorrectable ECC error encountered")
(folder / "DONE.json").write_text(json.dumps({}))
"""


def test_task_sent_again_asks_for_what_it_had_asked_for(cluster, tmp_path, project):
    """Two tasks of one stage with memory of their own; the batch script of one is killed."""
    tasks = [make(tmp_path, f"{k}", "--pause", "0.2", "--steps", "15") for k in range(2)]
    sent = send(
        tasks,
        tmp_path,
        project=project,
        mem_gb={tasks[1].folder: 0.3},
        collect=("python", "-c", ""),
    )
    (job,) = [id_ for id_, own in sent.jobs.items() if own == [tasks[1]]]
    wait(lambda: Path(tasks[1].folder, "state.json").exists())
    cluster.run("scancel", "--batch", "--signal=KILL", job)
    wait(lambda: collected(tmp_path))
    assert all(task.done for task in tasks)
    again = records.load_all(tmp_path / "launch")[-1]
    assert [j.resources["mem_gb"] for j in again.jobs if j.tasks] == [0.3]


def test_damaged_record_blocks_only_itself(cluster, tmp_path, project, recwarn):
    done = make(tmp_path, "a")
    send([done], tmp_path, project=project)
    wait(lambda: done.done)
    (record,) = (tmp_path / "launch" / "submissions").iterdir()
    record.write_text(json.dumps({"jobs": 3}))
    task = make(tmp_path, "b")
    assert send([done, task], tmp_path, project=project).count == 1
    assert any(record.name in str(warning.message) for warning in recwarn)
    wait(lambda: task.done)


def test_exported_functions_and_asked_for_variables_reach_the_job(
    cluster, tmp_path, project, monkeypatch
):
    """As Environment Modules live in them; `module load` of a job's setup lines works."""
    raw = "BASH_FUNC__module_raw%%"
    monkeypatch.setenv(raw, "() { export LOADED=$2; }")
    monkeypatch.setenv("BASH_FUNC_module%%", '() { _module_raw "$@"; }')
    monkeypatch.setenv("PROJECT_CACHE", "/somewhere")
    program = tmp_path / "say.py"
    program.write_text(SAY)
    task = make(tmp_path, "a")
    task = type(task)(task.folder, ("python", str(program), task.folder))
    config = ClusterConfig({**CONFIG.defaults, "setup": ("module load cuda",)})
    send([task], tmp_path, config.keeping("PROJECT_*"), project=project)
    wait(lambda: task.done)
    said = json.loads(Path(task.folder, "DONE.json").read_text())
    assert (said["LOADED"], said["PROJECT_CACHE"]) == ("cuda", "/somewhere")


SAY = """
import json, os, sys
from pathlib import Path
Path(sys.argv[1], "DONE.json").write_text(json.dumps(dict(os.environ)))
"""
