"""Packs a prepared data set into WebDataset tar shards, and reads files out of them by offset.

A shared file system serves a few thousand large files well and millions of small ones badly. The
shards are ordinary WebDataset ones (`KEY.jpg`, the mask, `KEY.json` with the words), usable by any
pipeline; the index beside them knows where each file lies, so that samples stay addressed by
number and a run resumes exactly. `PreparedDataset.order` shuffles within a few shards at a time.
"""

import hashlib
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pyarrow as pa

_OPEN_FILES = 64
TABLE = "files.arrow"


def key_of(path: str) -> int:
    """The number a file's path is looked up by."""
    digest = hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def tar_path(root: Path, name: str, shard: int) -> Path:
    """Where a shard lies."""
    return root / "shards" / f"{name}-{shard:06d}.tar"


class Shards:
    """Files read out of the shards of a packed set by the path they had in the data set."""

    def __init__(self, table: Path, root: Path, name: str) -> None:
        """Of the data set `name` packed in `root`; `table` says where each file lies."""
        self._where = (table, root, name)
        with pa.memory_map(str(table)) as source:
            found = pa.ipc.open_file(source).read_all()
        self._columns = {n: found[n].combine_chunks().to_numpy() for n in found.column_names}
        self._open: OrderedDict[int, int] = OrderedDict()

    def __reduce__(self) -> tuple[type["Shards"], tuple[Path, Path, str]]:
        return Shards, self._where

    def __del__(self) -> None:
        for descriptor in getattr(self, "_open", {}).values():
            os.close(descriptor)

    def read(self, path: str) -> bytes:
        key = np.uint64(key_of(path))
        at = int(np.searchsorted(self._columns["key"], key))
        if at == len(self._columns["key"]) or self._columns["key"][at] != key:
            raise FileNotFoundError(f"'{path}' is in none of the shards of {self._where[1]}")
        shard, offset, count = (int(self._columns[n][at]) for n in ("shard", "offset", "bytes"))
        data = os.pread(self._descriptor(shard), count, offset)
        if len(data) != count:
            raise OSError(f"{tar_path(*self._where[1:], shard)} is truncated")
        return data

    def _descriptor(self, shard: int) -> int:
        if shard not in self._open:
            path = tar_path(*self._where[1:], shard)
            self._open[shard] = os.open(path, os.O_RDONLY)
            if len(self._open) > _OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
        self._open.move_to_end(shard)
        return self._open[shard]


def order(shards: np.ndarray, seed: int, epoch: int, together: int = 8) -> np.ndarray:
    """A permutation of rows that finishes `together` shards at a time, in a shuffled order.

    Args:
        shards: (n,) the shard of each row.
    """
    rng = np.random.default_rng([seed, epoch])
    place = rng.permutation(int(shards.max(initial=0)) + 1) // together
    return np.lexsort((rng.random(len(shards)), place[shards]))
