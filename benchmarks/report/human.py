"""A study of people's votes: two systems' pictures of one sample side by side, and what the votes
say. The page needs no network; votes are exported as JSON and read back here."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.metrics.statistics import Estimate, wilson
from benchmarks.report import gallery, site
from benchmarks.study import Cell, Study
from dreamtext.errors import UserError
from dreamtext.files import write_text

PAGE, TABLE = "human.html", "human.md"
CHOICES = ("a", "b", "tie")


@dataclass(frozen=True)
class Question:
    """Which two variants' pictures of which samples were shown.

    Attributes:
        key: a hash of the study, the task, the variants and the pictures: votes are of one key.
    """

    study: str
    task: str
    a: str
    b: str
    ids: tuple[str, ...]
    key: str


def question(study: Study, pictures: dict[str, Any], a: str, b: str, task: str) -> Question:
    """The question that a study's sprites (`gallery.write`) can ask.

    Raises:
        UserError: one of the variants has no pictures of that task.
    """
    known = pictures["tasks"].get(task, {"variants": [], "samples": []})
    sheets = {variant["name"]: variant["pictures"] for variant in known["variants"]}
    for name in (a, b):
        if name not in sheets:
            raise UserError(
                f"study '{study.name}' has no pictures of '{name}' for {task} to show; it has: "
                f"{', '.join(sheets) or 'none'}"
            )
    if a == b:
        raise UserError(f"'{a}' cannot be compared with itself: name two variants")
    ids = tuple(sample["id"] for sample in known["samples"])
    parts = json.dumps([study.name, task, a, b, sheets[a], sheets[b], ids])
    return Question(study.name, task, a, b, ids, hashlib.sha256(parts.encode()).hexdigest()[:16])


def write(
    study: Study, cells: Sequence[Cell], folder: Path, a: str, b: str, task: str
) -> tuple[Question, Path]:
    """Write the page beside the study's report; the sprites are the report's."""
    pictures = gallery.write(study, cells, folder)
    asked = question(study, pictures, a, b, task)
    known = pictures["tasks"][task]
    sides = {v["name"]: v for v in known["variants"] if v["name"] in (a, b)}
    shown = {
        "key": asked.key,
        "study": study.name,
        "task": task,
        "size": known["size"],
        "samples": [{"id": s["id"], "word": s["word"]} for s in known["samples"]],
        "sides": {
            side: {"name": name, "pictures": sides[name]["pictures"], "kinds": sides[name]["kinds"]}
            for side, name in (("a", a), ("b", b))
        },
    }
    site.write("human.html.j2", folder / PAGE, question=asked, shown=shown)
    return asked, folder / PAGE


def read(paths: Iterable[Path], asked: Question) -> list[dict[str, str]]:
    """Votes of several raters' exported files: `rater`, `id`, `choice` (a, b or tie).

    Raises:
        UserError: a file is no export, is of another question, or votes twice on a sample; a
            rater's votes were given twice.
    """
    votes: list[dict[str, str]] = []
    raters: dict[str, Path] = {}
    for path in paths:
        try:
            values = json.loads(path.read_text("utf-8"))
            key, rater, own = values["key"], str(values["rater"]), values["votes"]
            pairs = [(str(vote["id"]), vote["choice"]) for vote in own]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"'{path}' is no file of votes ({error!r}); give what the page's export saved"
            ) from error
        if key != asked.key:
            raise UserError(
                f"'{path}' holds votes on another question ({values.get('study')}, "
                f"{values.get('a')} or {values.get('b')}, key {key}); this one is {asked.study}, "
                f"{asked.a} or {asked.b}, key {asked.key}: votes on other pictures are not mixed"
            )
        if rater in raters:
            raise UserError(f"'{path}' and '{raters[rater]}' are of the same rater {rater}")
        raters[rater] = path
        ids = [name for name, _ in pairs]
        if len(set(ids)) < len(ids) or not set(ids) <= set(asked.ids):
            raise UserError(f"'{path}' votes twice on a sample, or on one that was not shown")
        if odd := {choice for _, choice in pairs} - set(CHOICES):
            raise UserError(f"'{path}' has the choice {sorted(map(str, odd))[0]}, not a, b or tie")
        votes += [{"rater": rater, "id": name, "choice": choice} for name, choice in pairs]
    if not votes:
        raise UserError("there are no votes in these files")
    return votes


@dataclass(frozen=True)
class Result:
    """Attributes:
    preferred: share of decided votes for `a`, with Wilson's interval.
    strength: Bradley and Terry's (1952) of `a` over `b` in log odds, which for two systems is
        the share's own.
    """

    preferred: Estimate
    strength: Estimate
    ties: int
    raters: int


def result(votes: Sequence[dict[str, str]]) -> Result:
    """What the votes say; ties decide nothing.

    Raises:
        UserError: every vote is a tie.
    """
    wins = sum(vote["choice"] == "a" for vote in votes)
    decided = wins + sum(vote["choice"] == "b" for vote in votes)
    if not decided:
        raise UserError("every vote is a tie: nothing was preferred")
    share = wilson(wins, decided)
    with np.errstate(divide="ignore"):
        value, low, high = (float(np.log(p) - np.log1p(-p)) for p in share[:3])
    raters = len({vote["rater"] for vote in votes})
    return Result(share, Estimate(value, low, high, decided), len(votes) - decided, raters)


def markdown(asked: Question, found: Result) -> str:
    """The table of the votes, and in words what they allow."""
    value, low, high, n = found.preferred
    told = low > 0.5 or high < 0.5
    better, worse = (asked.a, asked.b) if value > 0.5 else (asked.b, asked.a)
    said = f"{better} is preferred to {worse}" if told else "neither is preferred"
    strength = found.strength
    return (
        f"# {asked.study}: people's votes, {asked.task}\n\n"
        f"{said[0].upper()}{said[1:]}: {value:.3f} [{low:.3f}, {high:.3f}] of decided votes for "
        f"{asked.a}.\n\n"
        f"| | for {asked.a} | Bradley-Terry, log odds | decided | ties | raters | samples |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        f"| {asked.a} against {asked.b} | {value:.3f} [{low:.3f}, {high:.3f}] | "
        f"{strength.value:+.2f} [{strength.low:+.2f}, {strength.high:+.2f}] | {n} | {found.ties} | "
        f"{found.raters} | {len(asked.ids)} |\n\n"
        "Wilson's 95 % interval takes every vote as independent; votes of one rater and of one "
        "sample are not quite, so it is rather too narrow.\n"
    )


def write_result(asked: Question, votes: Sequence[dict[str, str]], folder: Path) -> Path:
    """Write `human.md` and `human.csv`, the votes themselves."""
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / TABLE, markdown(asked, result(votes)))
    pd.DataFrame(votes).to_csv(folder / "human.csv", index=False)
    return folder / TABLE
