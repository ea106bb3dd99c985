"""How a training goes, told from its folder: pace, loss, last validation, newest picture."""

import json
import os
from pathlib import Path
from typing import Any

from dreamtext.files import LOG, VALIDATION

_BYTES = 32_768  # of the log's end; a validation writes a line every few hundred steps
_SCORES = {"validation_miou": "mIoU", "validation_SeqAcc": "SeqAcc"}


def goes(folder: Path) -> tuple[list[str], Path | None]:
    """The last validation's scores in words, and its picture; nothing before the first one."""
    last = _last(folder)
    pictures = sorted((folder / VALIDATION).glob("step-*.png"))
    said = [f"validation {name} {last[key]:.3f}" for key, name in _SCORES.items() if key in last]
    return said, pictures[-1] if pictures else None


def line(folder: Path, steps: int) -> str:
    """A training in one line: step, rate, minutes left, last loss, and as `goes`."""
    last = _last(folder)
    step, rate = last.get("step", 0), last.get("steps_per_s")
    parts = [f"step {step} of {steps}"]
    if rate:
        parts += [f"{rate:.1f} steps/s", f"{(steps - step) / rate / 60:.1f} min left"]
    if "total" in last:
        parts.append(f"loss {last['total']:.4f}")
    said, picture = goes(folder)
    return ", ".join([*parts, *said, *([str(picture)] if picture else [])])


def _last(folder: Path) -> dict[str, Any]:
    """The newest value of everything that the end of the log tells."""
    try:
        with open(folder / LOG, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return {}
    found: dict[str, Any] = {}
    for text in lines:
        try:
            values = json.loads(text)
        except ValueError:
            continue  # cut off at either end
        if isinstance(values, dict):
            found |= values
    return found
