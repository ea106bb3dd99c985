"""Grids without a study file: options and their values, written down as a study like any other."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.study.study import Study, load_study
from dreamtext.errors import UserError
from dreamtext.files import write_text

_KEY = re.compile(r"[a-z][\w.]*")


def parse(assignment: str) -> tuple[str, tuple[str, ...]]:
    """`objective.alpha=0.01,0.1` -> the key and its values; commas in brackets divide nothing.

    Raises:
        UserError: no key, no value, or a value twice.
    """
    key, separator, text = assignment.partition("=")
    values = tuple(part.strip() for part in re.split(r",(?![^\[]*\])", text))
    if not separator or not _KEY.fullmatch(key) or not all(values):
        raise UserError(
            f"'{assignment}' is no axis: write section.key=value,value, as "
            "objective.alpha=0.01,0.1,1"
        )
    if len(set(values)) < len(values):
        raise UserError(f"'{assignment}' has a value twice")
    return key, values


def source(assignments: Sequence[str], preset: str, seeds: int) -> str:
    """The study file of a sweep: every combination of the axes' values.

    Raises:
        UserError: no axis, or two of one option.
    """
    axes = [parse(text) for text in assignments]
    keys = [key for key, _ in axes]
    if not axes or len(set(keys)) < len(keys):
        raise UserError("a sweep needs axes, each of another option: objective.alpha=0.01,0.1,1")
    short = "-".join(key.rpartition(".")[2] for key in keys)
    asked = hashlib.sha256(repr((axes, preset)).encode()).hexdigest()[:4]
    rows = "\n".join(f"    axis({key!r}, {values!r})," for key, values in axes)
    return f'''"""A sweep over {", ".join(keys)}."""

from benchmarks.study import Study
from benchmarks.study.variants import axis, cross

VARIANTS = cross(
{rows}
)

STUDY = Study(
    name="sweep-{short}-{asked}",
    question="{" and ".join(keys)}: every combination of the given values.",
    variants=VARIANTS,
    reference=VARIANTS[0].name,
    preset={preset!r},
    seeds={tuple(range(seeds))!r},
)
'''


def write(text: str, folder: Path, save: Path | None = None) -> tuple[Path, Study]:
    """Write a sweep's study file, to `save` or under its own name in `folder`, and load it.

    Raises:
        UserError: an unknown option or a value out of its range; no new file is left.
    """
    name = re.search(r'name="([\w.-]+)"', text)
    assert name
    path = save or folder / f"{name[1]}.py"
    if path.suffix != ".py":
        raise UserError(f"a study file's name ends in .py, not '{path}'")
    there = path.exists()
    if there and path.read_text("utf-8") != text:
        raise UserError(f"{path} exists and is another study; give --save another name")
    write_text(path, text)
    try:
        study = load_study(str(path))
        for variant in study.variants:
            study.config(variant, 0)
    except UserError:
        if not there:
            path.unlink()
        raise
    return path, study
