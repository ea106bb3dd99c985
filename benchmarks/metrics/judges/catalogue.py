"""Judges by name, by folder or by checkpoint."""

from pathlib import Path
from typing import Literal

from benchmarks.metrics.judges import paddle
from benchmarks.metrics.judges.judge import Judge
from dreamtext.errors import UserError
from dreamtext.weights.inventory import asset

DEFAULT_JUDGE = "PP-OCRv6-small"
SECOND_JUDGE = "PP-OCRv4"


def judge_kind(name: str | Path) -> Literal["packaged", "folder", "checkpoint"]:
    """Which kind of judge a name is, without opening it.

    Raises:
        UserError: none: there is no such judge, folder or file.
    """
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
    kind = judge_kind(name)
    if kind == "packaged":
        return paddle.packaged_judge(str(name), cache)
    if kind == "folder":
        return paddle.folder_judge(Path(name))
    from benchmarks.metrics.judges.parseq import PARSeqJudge

    return PARSeqJudge(Path(name))
