"""Tasks -> job arrays and their dependencies.

One array per stage and size of request. Where every task of an array needs exactly one task of
each of some others, all are put in the same order and the dependency is element by element
(`aftercorr`): a cell is sampled as soon as it is trained. Everywhere else an array waits for whole
arrays to end (`afterany`), and a task whose parent failed then finds that out by itself.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from slurm.config import Resources
from slurm.errors import SlurmInputError
from slurm.task import Task


@dataclass(frozen=True)
class Array:
    """One job array (or single job). Indices refer to earlier arrays of the same layout."""

    stage: str
    resources: Resources
    tasks: tuple[Task, ...]
    corresponds: tuple[int, ...] = ()  # element k after element k of these arrays succeeded
    follows: tuple[int, ...] = ()  # after these arrays ended
    external: tuple[str, ...] = ()  # after these jobs, already in the queue, ended
    beside: int = 1  # arrays of one stage that run side by side, this one among them

    @property
    def parallel(self) -> int:
        """Its share of the jobs of a stage that may run at the same time."""
        return max(1, self.resources.parallel // self.beside)

    @property
    def elements(self) -> int:
        """Jobs of the array; each does `runs_per_job` tasks, one after the other."""
        return -(-len(self.tasks) // self.resources.runs_per_job)

    def packs(self) -> list[tuple[Task, ...]]:
        """The tasks of every element."""
        size = self.resources.runs_per_job
        return [self.tasks[k : k + size] for k in range(0, len(self.tasks), size)]


def arrange(
    tasks: Sequence[Task],
    resources: Callable[[Task], Resources],
    max_size: int,
    queued: Mapping[str, str] | None = None,
) -> list[Array]:
    """Lay out tasks that are to be submitted now.

    Args:
        tasks: none of them done, failed or queued; no folder twice.
        resources: the request of a task.
        max_size: how many elements an array may have.
        queued: folder -> job id of tasks that are in the queue already.

    Raises:
        SlurmInputError: tasks wait for each other in a circle.
    """
    queued = queued or {}
    by_folder = {task.folder: task for task in tasks}
    parents = {t.folder: [p for p in t.after if p in by_folder] for t in tasks}
    levels = _levels(parents)
    place: dict[str, tuple[int, int]] = {}  # folder -> (array, position) before splitting
    arrays: list[Array] = []
    groups: dict[tuple[int, str, str], list[Task]] = defaultdict(list)
    for task in _by_descendants(tasks, parents):
        groups[levels[task.folder], task.stage, repr(resources(task))].append(task)
    for _, group in sorted(groups.items(), key=lambda item: item[0][0]):
        columns = list(_columns(group, parents, place, queued))
        for members, corresponds in columns:
            size = resources(members[0]).runs_per_job
            if any(size != arrays[k].resources.runs_per_job for k in corresponds):
                corresponds = ()  # its elements hold other tasks
            before = {place[p][0] for t in members for p in parents[t.folder]} - {*corresponds}
            outside = {queued[p] for t in members for p in t.after if p in queued}
            for position, task in enumerate(members):
                place[task.folder] = (len(arrays), position)
            arrays.append(
                Array(
                    stage=members[0].stage,
                    resources=resources(members[0]),
                    tasks=tuple(members),
                    corresponds=corresponds,
                    follows=tuple(sorted(before)),
                    external=tuple(sorted(outside)),
                    beside=len(columns),
                )
            )
    return _split(arrays, max_size)


def _levels(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many tasks must end, one after the other, before each task."""
    levels: dict[str, int] = {}
    for start in parents:
        stack = [start]
        path: set[str] = set()
        while stack:
            folder = stack[-1]
            waiting = [p for p in parents[folder] if p not in levels]
            if folder in levels or not waiting:
                levels[folder] = 1 + max((levels[p] for p in parents[folder]), default=-1)
                path.discard(stack.pop())
            elif path.intersection(waiting):
                raise SlurmInputError(f"tasks wait for each other in a circle: {folder} is in it")
            else:
                path.add(folder)
                stack.extend(waiting)
    return levels


def _by_descendants(tasks: Sequence[Task], parents: Mapping[str, Sequence[str]]) -> Iterable[Task]:
    """Tasks with most children first: those without a child then stand behind the others."""
    children: dict[str, list[str]] = defaultdict(list)
    for folder, above in parents.items():
        for parent in above:
            children[parent].append(folder)
    sizes: dict[str, tuple[int, ...]] = {}

    def shape(folder: str) -> tuple[int, ...]:
        if folder not in sizes:
            below = sorted((shape(c) for c in children[folder]), reverse=True)
            sizes[folder] = (len(below), *(n for part in below for n in part))
        return sizes[folder]

    return sorted(tasks, key=lambda task: shape(task.folder), reverse=True)


def _columns(
    group: list[Task],
    parents: Mapping[str, Sequence[str]],
    place: Mapping[str, tuple[int, int]],
    queued: Mapping[str, str],
) -> Iterable[tuple[list[Task], tuple[int, ...]]]:
    """Parts of a group, each with the arrays it can follow element by element."""
    columns: dict[tuple[tuple[int, ...], int], dict[int, Task]] = defaultdict(dict)
    rest: list[Task] = []
    seen: dict[tuple[str, ...], int] = defaultdict(int)
    for task in group:
        above = tuple(sorted(parents[task.folder]))
        positions = {place[p][1] for p in above}
        arrays = tuple(sorted({place[p][0] for p in above}))
        one_of_each = len(positions) == 1 and len(arrays) == len(above)
        if one_of_each and not any(p in queued for p in task.after):
            columns[arrays, seen[above]][positions.pop()] = task
            seen[above] += 1
        else:
            rest.append(task)
    for (arrays, _), members in columns.items():
        if sorted(members) == list(range(len(members))):
            yield [members[k] for k in range(len(members))], arrays
        else:
            rest.extend(members.values())
    if rest:
        yield rest, ()


def _split(arrays: list[Array], max_size: int) -> list[Array]:
    """Cut arrays to the cluster's limit; the pieces of one run one after the other.

    Otherwise the cap on parallel tasks, which SLURM keeps per array, would be exceeded.
    """
    pieces: list[Array] = []
    where: list[list[int]] = []
    for array in arrays:
        where.append([])
        follows = [k for index in array.follows for k in where[index]]
        step = max_size * array.resources.runs_per_job
        for number, start in enumerate(range(0, len(array.tasks), step)):
            tasks = array.tasks[start : start + step]
            corresponds = tuple(where[k][number] for k in array.corresponds)
            before = [*follows, *where[-1][-1:]]
            piece = replace(array, tasks=tasks)
            # `aftercorr` needs arrays; a single element is a plain job.
            if 1 in (piece.elements, *(pieces[k].elements for k in corresponds)):
                before.extend(corresponds)
                corresponds = ()
            ordered = tuple(sorted(set(before)))
            pieces.append(replace(piece, corresponds=corresponds, follows=ordered))
            where[-1].append(len(pieces) - 1)
    return pieces
