"""What a judge has read, kept on disk by crop and judge."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.metrics.judges.judge import Judge


class Readings:
    """What a judge has read, kept in one file of JSON lines a judge under `cache`.

    Lines are appended, so that several processes may share the file; a line cut short by a kill
    is skipped and its crop read again.
    """

    def __init__(self, judge: Judge, cache: Path) -> None:
        self.judge = judge
        self.file = cache / "readings" / f"{judge.key}.jsonl"
        self.known: dict[str, str] = {}
        if self.file.is_file():
            for line in self.file.read_text(errors="replace").splitlines():
                try:
                    key, reading = json.loads(line)
                except ValueError:
                    continue
                self.known[key] = reading

    def read(self, crops: Sequence[np.ndarray]) -> list[str]:
        """The words in (h, w, 3) uint8 crops; only crops never seen before are read."""
        keys = [self._key(crop) for crop in crops]
        new = {k: c for k, c in zip(keys, crops, strict=True) if k not in self.known}
        waiting = list(new.items())
        for start in range(0, len(waiting), 256):  # kept as they come: work is not lost
            some = waiting[start : start + 256]
            read = self.judge.read([crop for _, crop in some])
            lines = dict(zip((key for key, _ in some), read, strict=True))
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a") as file:
                file.write("".join(json.dumps([k, r]) + "\n" for k, r in lines.items()))
            self.known.update(lines)
        return [self.known[key] for key in keys]

    @staticmethod
    def _key(crop: np.ndarray) -> str:
        digest = hashlib.sha256(repr(crop.shape).encode())
        digest.update(np.ascontiguousarray(crop).tobytes())
        return digest.hexdigest()[:32]
