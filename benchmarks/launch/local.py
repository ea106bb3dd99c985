"""Runs the cells of a study side by side on this machine, one process and one thread each."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.launch.pulse import line
from benchmarks.runs.folder import OUTPUT, STAGES, Run, state
from benchmarks.runs.work import forget
from benchmarks.samples import writer
from benchmarks.study import Cell
from dreamtext import devices
from dreamtext.errors import Interrupted, RunError
from dreamtext.files import LOG
from slurm.stopping import StopFlag


def chains(cells: Iterable[Cell]) -> list[list[Run]]:
    """Every run that is needed once, in chains that follow one trained model (or one other
    system); a kept cell needs none."""
    by_head: dict[str, dict[str, Run]] = {}
    for cell in sorted(cells, key=lambda cell: cell.seed):  # a whole table before a second seed
        if cell.kept:
            continue
        chain = by_head.setdefault(cell.runs[0].name, {})
        for run in cell.runs:
            chain[run.name] = run
    return [list(chain.values()) for chain in by_head.values()]


def missing(cells: Iterable[Cell]) -> list[list[Run]]:
    """The chains with their runs that are not done; empty when nothing is left to do."""
    left = [[run for run in chain if run.state != "done"] for chain in chains(cells)]
    return [chain for chain in left if chain]


def force(cells: Iterable[Cell], stage: str) -> None:
    """Forget a stage of every cell and, as they read it, the stages after it; their kept forms
    too."""
    cells = list(cells)
    for cell in cells:
        if cell.kept and cell.store:
            shutil.rmtree(cell.store / cell.score.name)
    for chain in chains(cells):
        for run in chain:
            if STAGES.index(run.stage) >= STAGES.index(stage) and run.folder.exists():
                forget(run)


def run_cells(
    cells: Iterable[Cell],
    *,
    workers: int = 1,
    threads: int = 1,
    code: Path | None = None,
    hopeless: Callable[[], Collection[str]] = frozenset,
) -> int:
    """Do what is missing, keeping each cell as it is scored; returns how many stages that was.

    Args:
        code: the folder that the runs' code is imported from [default: this code].
        hopeless: names of trainings not worth going on with, asked for every few seconds: one
            that is under way is told to stop, and stays as it is, to be resumed.

    Raises:
        RunError: some stages failed; all others were done all the same.
        Interrupted: Ctrl-C or TERM; what was under way is saved and can be resumed.
    """
    cells = list(cells)
    left = missing(cells)
    if not left:
        return 0
    waiting: queue.SimpleQueue[list[Run]] = queue.SimpleQueue()
    for chain in left:
        for run in chain:
            run.prepare()
        waiting.put(chain)
    pool = _Pool(waiting, workers, threads, code, next((cell.store for cell in cells), None))
    began = time.monotonic()
    crew = [threading.Thread(target=pool.work, daemon=True) for _ in range(workers)]
    with StopFlag() as stop:
        for thread in crew:
            thread.start()
        _watch(left, crew, began, stop, lambda: pool.drop(hopeless()))
        if stop():
            pool.stop()
            for thread in crew:
                thread.join()
            raise Interrupted("stopped as asked; run the same command to go on from here")
    stages = [run for chain in left if chain[0].name not in pool.dropped for run in chain]
    failed = [run for run in stages if run.state != "done"]
    if failed:
        raise RunError(
            f"{len(failed)} of {len(stages)} stages did not finish:\n"
            + "\n".join(f"  {run.title} ({run.name}): {_reason(run)}" for run in failed)
        )
    return len(stages)


# For glibc's allocator: huge pages, and memory kept instead of given back and asked for again at
# every step (`benchmarks/perf/allocator.py` measures it). Nothing else reads it.
ALLOCATOR = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1073741824:"
    "glibc.malloc.trim_threshold=8589934592:glibc.malloc.top_pad=268435456"
}


class _Pool:
    """Workers that take one chain after another, each in a process of its own."""

    def __init__(
        self,
        waiting: "queue.SimpleQueue[list[Run]]",
        workers: int,
        threads: int,
        code: Path | None,
        store: Path | None,
    ) -> None:
        self.waiting, self.code = waiting, code
        self.keep = ["--keep", str(store.resolve())] if store else []
        # One thread a process: two runs side by side beat one run on two cores.
        limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self.environment = ALLOCATOR | os.environ | dict.fromkeys(limits, str(threads))
        self.environment[devices.RUNS_HERE] = str(workers)
        if code:
            self.environment["PYTHONPATH"] = str(code)
        self.lock = threading.Lock()
        self.running: dict[subprocess.Popen, str] = {}  # and the name of its chain's first run
        self.dropped: set[str] = set()
        self.stopping = False

    def work(self) -> None:
        while process := self._next():
            process.wait()
            with self.lock:
                self.running.pop(process)

    def _next(self) -> subprocess.Popen | None:
        with self.lock:
            if self.stopping or self.waiting.empty():
                return None
            chain = self.waiting.get()
            folders = [str(run.folder.resolve()) for run in chain]
            with open(chain[0].folder / OUTPUT, "ab") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.launch.stages", *self.keep, *folders],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self.code,
                    env=self.environment,
                    start_new_session=True,  # the keyboard's INT comes to us; we hand on TERM
                )
            self.running[process] = chain[0].name
            return process

    def drop(self, names: Collection[str]) -> None:
        """Tell chains that begin with these runs to stop, if they are under way."""
        with self.lock:
            for process, name in self.running.items():
                if name in names and name not in self.dropped:
                    self.dropped.add(name)
                    process.terminate()

    def stop(self) -> None:
        with self.lock:
            self.stopping = True
            for process in self.running:
                process.terminate()


def _watch(
    left: list[list[Run]],
    crew: list[threading.Thread],
    began: float,
    stop: Callable[[], bool],
    look: Callable[[], None],
) -> None:
    """Show the progress of all runs, and look after them, until the crew is done or is to stop."""
    from tqdm import tqdm

    stages = [run for chain in left for run in chain]
    at_start = _work_done(stages)
    with (
        tqdm(total=len(stages), unit=" stages", desc="study", smoothing=0.1) as bar,
        _rows(len(crew)) as tell,
    ):
        bar.bar_format = "{desc}: {percentage:3.0f}% |{bar}| {n:.2f}/{total} stages {postfix}"
        shown = 0.0
        while any(thread.is_alive() for thread in crew) and not stop():
            time.sleep(0.2)
            if time.monotonic() - shown < (0.5 if sys.stderr.isatty() else 5):
                continue
            shown = time.monotonic()
            look()
            done = sum(map(_progress, stages))
            bar.n = round(done, 2)
            # A run's share of the work says more than its count: training dwarfs the rest.
            doing = _doing(stages, len(crew))
            said = "" if sys.stderr.isatty() else "; ".join(doing)
            bar.set_postfix_str(_remaining(stages, began, at_start) + said)
            tell(doing)
        bar.n = sum(map(_progress, stages))
        bar.set_postfix_str("")


_WEIGHT = {"train": 1.0, "sample": 0.08, "score": 0.08}  # rough shares of the tiny preset's time


def _work_done(stages: list[Run]) -> float:
    return sum(_WEIGHT[run.stage] * _progress(run) for run in stages)


def _remaining(stages: list[Run], began: float, at_start: float) -> str:
    total = sum(_WEIGHT[run.stage] for run in stages) - at_start
    done = _work_done(stages) - at_start
    elapsed = time.monotonic() - began
    if done < 0.01 * total or elapsed < 20:
        return ""
    left = elapsed * (total - done) / done
    return f"[{elapsed / 60:.0f} min, about {left / 60:.0f} min left] "


@contextmanager
def _rows(n: int) -> Iterator[Callable[[list[str]], None]]:
    """`n` lines below the bar that are written over and over; on a terminal alone."""
    from tqdm import tqdm

    if not sys.stderr.isatty():
        yield lambda texts: None
        return
    rows = [tqdm(bar_format="{desc}", position=1 + i, leave=False) for i in range(n)]
    try:

        def tell(texts: list[str]) -> None:
            for place, row in enumerate(rows):
                row.set_description_str(texts[place] if place < len(texts) else "")

        yield tell
    finally:
        for row in rows:
            row.close()


def _doing(stages: list[Run], n: int) -> list[str]:
    """A line for each of the first `n` runs under way."""
    active = [r for r in stages if r.state == "started" and 0 < _progress(r) < 1]
    return [
        f"{r.title}: "
        + (
            line(r.folder, r.settings["config"]["training"]["steps"])
            if r.stage == "train"
            else f"{r.stage} {_progress(r):.0%}"
        )
        for r in active[:n]
    ]


def _progress(run: Run) -> float:
    """How far a stage is, 0 to 1."""
    if run.state == "done":
        return 1.0
    if run.stage == "train":
        try:
            with open(run.folder / LOG, "rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
                lines = log.read().decode().splitlines()
            return json.loads(lines[-1])["step"] / run.settings["config"]["training"]["steps"]
        except (OSError, ValueError, KeyError, IndexError):
            return 0.0
    if run.stage == "sample":
        return min(0.99, writer.painted(run.folder) / run.settings["benchmark"]["n"])
    return 0.0


def _reason(run: Run) -> str:
    try:
        failure = json.loads((run.folder / "FAILED.json").read_text())
        return f"{failure['error']}: {failure['message']}"
    except (OSError, ValueError, KeyError):
        if any(state(run.root / name) != "done" for name in run.parents.values()):
            return "a stage before it did not finish"
        return f"ended without a word; see {run.folder / 'output.log'}"
