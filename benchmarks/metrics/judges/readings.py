"""Judges read the word in a crop. What one has read is kept on disk, by crop and judge."""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from dreamtext.errors import UserError
from dreamtext.weights.inventory import asset

DEFAULT_JUDGE = "PP-OCRv6-small"


class Judge(Protocol):
    """Anything that reads crops.

    Attributes:
        backbone: name and hash of the weights, as printed beside every score.
        key: hash of all that decides a reading; readings are cached under it.
    """

    backbone: str
    key: str

    def read(self, crops: Sequence[np.ndarray]) -> list[str]:
        """The words in (h, w, 3) uint8 RGB crops; "" where nothing is read."""


def normalise(reading: str) -> str:
    """Full-width forms to ASCII (NFKC), and no white space: no target word has any."""
    return "".join(unicodedata.normalize("NFKC", reading).split())


def judge_kind(name: str | Path) -> Literal["packaged", "folder", "checkpoint"]:
    """Which kind of judge a name is, without opening it.

    Raises:
        UserError: none: there is no such judge, folder or file.
    """
    from benchmarks.metrics.judges import paddle

    path = Path(name)
    if str(name) in paddle.PACKAGED:
        return "packaged"
    if path.is_dir():
        return "folder"
    if path.is_file() and path.suffix in (".pt", ".pth", ".ckpt"):
        return "checkpoint"
    parseq = asset("parseq-bb5792a6.pt")
    raise UserError(
        f"there is no judge '{name}'; known are {', '.join(paddle.PACKAGED)}, a folder in "
        "PaddleOCR's layout (with inference.yml), and a PARSeq checkpoint's file (.pt, .pth, "
        f".ckpt), as {parseq.path} from {parseq.source}"
    )


def judge(name: str | Path, cache: Path) -> Judge:
    """A judge by name, by a folder in PaddleOCR's layout, or by a PARSeq checkpoint's file.

    Args:
        name: PP-OCRv6-small, PP-OCRv4 (both packaged), a folder with inference.yml, or a file
            ending in .pt, .pth or .ckpt.
        cache: where a packaged model is laid out as PaddleOCR wants it.

    Raises:
        UserError: the name is unknown, or files of the model are missing or another's.
    """
    from benchmarks.metrics.judges import paddle

    kind = judge_kind(name)
    if kind == "packaged":
        return paddle.packaged_judge(str(name), cache)
    if kind == "folder":
        return paddle.folder_judge(Path(name))
    from benchmarks.metrics.judges.parseq import PARSeqJudge

    return PARSeqJudge(Path(name))


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
