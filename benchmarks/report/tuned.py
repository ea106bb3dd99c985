"""A tuning as people read it: what each arm tried, how it read, and what was chosen."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.study.chosen import CHOSEN, TRIALS, choices
from benchmarks.study.tuning import METRIC, Tuning
from dreamtext.files import write_text

if TYPE_CHECKING:
    import pandas as pd

PAGE = "README.md"


def write(tuning: Tuning, folder: Path) -> Path:
    """Write the page of a tuning's folder; returns its path."""
    path = folder / PAGE
    write_text(path, text(tuning, folder))
    return path


def text(tuning: Tuning, folder: Path) -> str:
    """The page, of the folder's files alone.

    Raises:
        UserError: the folder's files are missing, of another declaration, or edited.
    """
    import pandas as pd

    chosen = choices(tuning, folder)
    trials = pd.read_csv(folder / TRIALS)
    arms = [
        _arm(arm.name, trials[trials.arm == arm.name], chosen[arm.name]["trial"])
        for arm in tuning.arms
    ]
    rule = (
        f"An arm leaves its first values only for others whose {METRIC} is higher by more than "
        f"{tuning.margin:g}."
        if tuning.margin
        else f"Chosen is the trial of the highest {METRIC}."
    )
    return (
        f"# Tuning `{tuning.name}`\n\nWritten by `dreamtext study tune`. {len(tuning.arms)} arms, "
        f"{tuning.trials} trials of {tuning.steps} steps each, one seed, {tuning.n} validation "
        f"words. {rule} A trial that read worse than the median of its arm's others in the second "
        f"half of its steps was stopped. One trial is one training: another seed would have given "
        f"other values.\n\n" + "\n".join(arms) + f"\n`{TRIALS}` has the runs' names, `{CHOSEN}` "
        "what studies take.\n"
    )


def _arm(name: str, trials: "pd.DataFrame", chosen: int) -> str:
    lines = []
    for number, rows in trials.groupby("trial", sort=True):
        stopped = rows.NED.isna().any()
        values = [
            f"stopped at {rows.steps.min()}" if stopped else _mean(rows.NED),
            "" if stopped else _mean(rows.SeqAcc),
            "" if stopped else _mean(rows.mIoU),
        ]
        settings = rows.settings.iloc[0].replace(" ", "`, `")
        mark = "**chosen**" if number == chosen else ""
        lines.append(f"| {number} | `{settings}` | {' | '.join(values)} | {mark} |")
    members = trials.groupby("trial").size().max()
    several = f": means of {members} trainings" if members > 1 else ""
    return (
        f"## {name}{several}\n\n| trial | constants | NED | SeqAcc | mIoU | |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def _mean(values: "pd.Series") -> str:
    return f"{values.mean():.3f}"
