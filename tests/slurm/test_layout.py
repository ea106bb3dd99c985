"""Tasks become as few arrays as possible, and every dependency is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm.config import ClusterConfig, Resources
from slurm.errors import SlurmInputError
from slurm.layout import arrange
from slurm.task import Task


def resources(task):
    return Resources()


def chains(count: int) -> list[Task]:
    tasks = []
    for k in range(count):
        tasks += [
            Task(f"/t{k}", ("x",), "train"),
            Task(f"/s{k}", ("x",), "sample", (f"/t{k}",)),
            Task(f"/c{k}", ("x",), "score", (f"/s{k}",)),
        ]
    return tasks


def test_chains_become_one_array_per_stage_element_by_element():
    arrays = arrange(chains(5), resources, 1001)
    assert [(a.stage, len(a.tasks), a.corresponds, a.follows) for a in arrays] == [
        ("train", 5, (), ()),
        ("sample", 5, (0,), ()),
        ("score", 5, (1,), ()),
    ]


def test_two_benchmarks_per_training_each_follow_their_own_training():
    tasks = [Task(f"/t{k}", ("x",), "train") for k in range(3)]
    for k in range(3):
        tasks += [Task(f"/{b}{k}", ("x",), "sample", (f"/t{k}",)) for b in "ab"]
    arrays = arrange(tasks, resources, 1001)
    assert [a.corresponds for a in arrays] == [(), (0,), (0,)]
    assert [a.parallel for a in arrays] == [16, 8, 8]


def test_what_several_tasks_are_to_make_follows_all_of_them_element_by_element():
    """Three shards of each of four samplings, and what puts them together."""
    tasks = [task for task in chains(4) if task.stage == "train"]
    for k in range(4):
        shards = tuple(f"/s{k}/{number}" for number in range(3))
        tasks += [Task(folder, ("x",), "shard", (f"/t{k}",)) for folder in shards]
        tasks.append(Task(f"/s{k}", ("x",), "sample", (f"/t{k}", *shards)))
    arrays = arrange(tasks, resources, 1001)
    assert [(a.stage, a.elements, a.corresponds) for a in arrays] == [
        ("train", 4, ()),
        *[("shard", 4, (0,))] * 3,
        ("sample", 4, (0, 1, 2, 3)),
    ]
    assert [a.parallel for a in arrays] == [16, 5, 5, 5, 16]
    # Trained already, all shards fit into one array; what puts them together waits for it.
    arrays = arrange([t for t in tasks if t.stage != "train"], resources, 1001)
    assert [(a.stage, a.elements, a.corresponds, a.follows) for a in arrays] == [
        ("shard", 12, (), ()),
        ("sample", 4, (), (0,)),
    ]


def test_cells_whose_training_is_done_do_not_wait():
    tasks = [t for t in chains(4) if t.folder not in ("/t1", "/t3")]
    arrays = arrange(tasks, resources, 1001)
    first = [a for a in arrays if not a.corresponds and not a.follows]
    assert {t.folder for a in first for t in a.tasks} == {"/t0", "/t2", "/s1", "/s3"}


def test_limit_splits_arrays_and_the_pieces_run_one_after_the_other():
    arrays = arrange(chains(5), resources, 2)
    train = [k for k, a in enumerate(arrays) if a.stage == "train"]
    assert [len(arrays[k].tasks) for k in train] == [2, 2, 1]
    assert [arrays[k].follows for k in train] == [(), (train[0],), (train[1],)]
    last_sample = max(k for k, a in enumerate(arrays) if a.stage == "sample")
    assert arrays[last_sample].corresponds == ()  # a single task is no array
    assert train[2] in arrays[last_sample].follows


def test_stage_with_other_memory_is_an_array_of_its_own():
    def request(task):
        return Resources(mem_gb=2.0 if task.folder == "/t0" else 1.0)

    arrays = arrange([t for t in chains(3) if t.stage == "train"], request, 1001)
    assert sorted((len(a.tasks), a.resources.mem_gb) for a in arrays) == [(1, 2.0), (2, 1.0)]


def test_parent_in_the_queue_is_waited_for():
    tasks = [t for t in chains(2) if t.stage == "sample"]
    (array,) = arrange(tasks, resources, 1001, {"/t0": "77_0", "/t1": "77_1"})
    assert array.external == ("77_0", "77_1")
    assert array.corresponds == ()


def test_circle_is_named():
    with pytest.raises(SlurmInputError, match="circle"):
        arrange(
            [Task("/a", ("x",), after=("/b",)), Task("/b", ("x",), after=("/a",))], resources, 9
        )


@st.composite
def forests(draw):
    tasks = []
    for k in range(draw(st.integers(1, 25))):
        above = draw(st.lists(st.integers(0, k - 1), max_size=2, unique=True)) if k else []
        stage = draw(st.sampled_from(["train", "sample"]))
        tasks.append(Task(f"/{k}", ("x",), stage, tuple(f"/{p}" for p in above)))
    return tasks


@given(forests(), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
def test_every_task_once_and_after_all_it_needs(tasks, limit, per_train, per_sample):
    def request(task):
        return Resources(runs_per_job=per_train if task.stage == "train" else per_sample)

    arrays = arrange(tasks, request, limit)
    where = {}
    for index, array in enumerate(arrays):
        assert 1 <= array.elements <= limit
        for position, pack in enumerate(array.packs()):
            for task in pack:
                assert task.folder not in where
                where[task.folder] = (index, position)
    assert len(where) == len(tasks)

    def waits_for(index: int) -> set[int]:
        array = arrays[index]
        direct = {*array.follows, *array.corresponds}
        assert all(k < index for k in direct)
        return direct

    for task in tasks:
        index, position = where[task.folder]
        for parent in task.after:
            parent_index, parent_position = where[parent]
            assert parent_index in waits_for(index)
            if parent_index in arrays[index].corresponds:
                assert parent_position == position
                assert arrays[index].elements <= arrays[parent_index].elements


def test_requests_come_from_the_stage():
    config = ClusterConfig({"time_min": 5}, {"train": {"time_min": 50}})
    assert config.resources("train").time_min == 50
    assert config.resources("score").time_min == 5
