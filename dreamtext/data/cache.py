"""Arrays computed once, kept as memory-mapped files in a folder named by what they were made of."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from dreamtext.files import write_text

CHUNK = 500

Layout = Mapping[str, tuple[tuple[int, ...], str]]


def root() -> Path:
    """Where caches live: $DREAMTEXT_CACHE, else ~/.cache/dreamtext."""
    return Path(os.environ.get("DREAMTEXT_CACHE") or Path.home() / ".cache" / "dreamtext")


def arrays(
    key: str,
    size: int,
    layout: Layout,
    make: Callable[[int], Mapping[str, np.ndarray | int | bool]],
    *,
    title: str,
) -> dict[str, np.ndarray]:
    """Read-only memory-mapped arrays of `size` rows, computed row by row on first use.

    Interrupted at any instant it goes on from the last finished chunk; of several processes
    that ask at once, one computes and the others wait.

    Args:
        key: names everything the rows depend on; also the folder's name.
        layout: name -> (shape of a row, numpy dtype).
        make: index -> the row of every array.
    """
    folder = root() / key
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(folder.parent / f".{key}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                _fill(folder, size, layout, make, title)
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in layout}


def _fill(folder: Path, size: int, layout: Layout, make: Callable, title: str) -> None:
    partial = folder.parent / f".{folder.name}.partial"
    progress = partial / "progress.json"
    if not progress.exists():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for name, (shape, dtype) in layout.items():
            np.lib.format.open_memmap(
                partial / f"{name}.npy", "w+", dtype=np.dtype(dtype), shape=(size, *shape)
            ).flush()
        _write_progress(progress, 0)
    done = json.loads(progress.read_text())["rows"]
    out = {name: np.lib.format.open_memmap(partial / f"{name}.npy", "r+") for name in layout}
    from tqdm import tqdm

    with tqdm(total=size, initial=done, desc=title, unit=" samples", leave=False) as bar:
        for start in range(done, size, CHUNK):
            stop = min(start + CHUNK, size)
            for index in range(start, stop):
                for name, row in make(index).items():
                    out[name][index] = row
            for array in out.values():
                array.flush()
            _write_progress(progress, stop)
            bar.update(stop - start)
    progress.unlink()
    os.replace(partial, folder)


def _write_progress(path: Path, rows: int) -> None:
    write_text(path, json.dumps({"rows": rows}))
