"""What stands in `results/`, and what backs it: an overview of the studies, whose findings are read
from their tables, and one map of every run to the revision of the code that made it."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cells.reader import CELL
from benchmarks.report import contrasts
from benchmarks.runs.folder import PROVENANCE, SCORES
from benchmarks.study import Cell, Study, load_study, study_names
from dreamtext.errors import UserError
from dreamtext.files import write_text

if TYPE_CHECKING:
    import pandas as pd

OVERVIEW, REVISIONS = "README.md", "runs.csv"
CELLS = "cells"
OLD = "of the old test world"
# 0.546 [0.432, 0.660], also signed and without the leading 0
_FIGURE = re.compile(r"([+-]?\d*\.\d+) \[([+-]?\d*\.\d+), ([+-]?\d*\.\d+)\]")


def write(results: Path) -> None:
    """Write the overview and the map of runs of a folder of results."""
    write_text(results / REVISIONS, revisions(results).to_csv(index=False))
    write_text(results / OVERVIEW, overview(results))


def studies(results: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every study's folder, and its provenance."""
    for path in sorted(results.glob(f"*/{PROVENANCE}")):
        try:
            about = json.loads(path.read_text())
        except ValueError as error:
            raise UserError(f"'{path}' is no JSON: {error}; write the report again") from error
        if "study" in about:
            yield path.parent, about


def reported(results: Path, runs: Path) -> dict[str, tuple[Study, list[Cell]]]:
    """The studies that stand in a folder of results, by name, narrowed as they were reported, with
    their cells: kept ones, or those of a folder of runs. Left out are studies of the old test
    world, of another data set than their own, of a part or with settings of the user's, files of
    the user's own, and at another preset those that stand here at their own."""
    found: dict[str, tuple[Study, list[Cell]]] = {}
    for _, about in studies(results):
        if is_old(about) or about["study"] not in study_names() or about.get("narrowed"):
            continue
        words = iter(shlex.split(about["command"])[4:])
        options = dict(zip(words, words, strict=True))
        own = load_study(about["study"])
        study = own.narrowed(
            preset=options["--preset"], seeds=about["seeds"], n=int(options["--n"])
        )
        if study.name in found and study.preset != own.preset:
            continue
        if about.get("data", study.data) == study.data:
            found[study.name] = study, study.cells(runs, results / CELLS)
    return found


def is_old(about: dict[str, Any]) -> bool:
    """Whether a study was recorded before values were kept per image and revisions per run."""
    return "code" in about


def revisions(results: Path) -> "pd.DataFrame":
    """A row a run and study: `run, study, title, revision, clean`. Of an old study, which has no
    revision per run, all that its runs were made by."""
    import pandas as pd

    rows = [
        {
            "run": name,
            "study": folder.name,
            "title": run["title"],
            "revision": _revision(about, run),
            "clean": run.get("clean", all(c["clean"] for c in about.get("code", ()))),
        }
        for folder, about in studies(results)
        for name, run in about["runs"].items()
    ]
    return pd.DataFrame(rows, columns=["run", "study", "title", "revision", "clean"])


def overview(results: Path) -> str:
    """The Markdown of the overview: a study a row, its primary contrast in words."""
    import pandas as pd

    lines = ["| study | primary contrast | code | scored so far |", "| --- | --- | --- | --- |"]
    for folder, about in studies(results):
        scores = [name for name in about["runs"] if name.startswith("score-")]
        kept = sum((results / CELLS / name / CELL).is_file() for name in scores)
        if is_old(about):
            said, values = f"{OLD}: no finding stands", "not kept per image"
        else:
            tested = folder / "contrasts.csv"
            first = pd.read_csv(tested, keep_default_na=True).iloc[0] if tested.exists() else None
            said = "none declared" if first is None else contrasts.sentence(first)
            values = f"{len(scores)} of {about.get('planned', len(scores))}, {kept} kept"
        made = {r for run in about["runs"].values() for r in _revision(about, run).split(" or ")}
        shown = ", ".join(sorted(revision[:7] for revision in made))
        lines.append(f"| [{folder.name}]({folder.name}/table.md) | {said} | {shown} | {values} |")
    old = any(is_old(about) for _, about in studies(results))
    beyond = [
        f"- **{folder.name}**"
        + (f": the paper {about['paper']}" if about.get("paper") else ".")
        + (f" Not shown here: {about['not_shown']}" if about.get("not_shown") else "")
        for folder, about in studies(results)
        if about.get("paper") or about.get("not_shown")
    ]
    if beyond:
        lines += ["", "What the paper says of each, and what none of its outcomes can show:", ""]
        lines += beyond
    return _HEAD + "\n".join(lines) + "\n" + _FILES + _OLD * old + _beside(results)


def _beside(results: Path) -> str:
    there = [entry for entry in _BESIDE if (results / entry[1]).is_file()]
    rows = [f"| [{title}]({link}) | {told} |" for title, link, told in there]
    return "\n".join(["", "| | |", "| --- | --- |", *rows, ""]) if rows else ""


def figures(text: str) -> list[tuple[str, str, str]]:
    """Every number with an interval that a text quotes, as written."""
    return _FIGURE.findall(text)


_CORRELATION = tuple(f"rank correlation with seqacc{end}" for end in ("", ", low", ", high"))


def unbacked(text: str, results: Path) -> list[str]:
    """The figures of a text that no table of scores or contrasts in `results` holds, nor the
    scores of a model there, rounded as the text rounds."""
    import pandas as pd

    known: list[tuple[float, float, float]] = []
    for path in sorted(results.rglob("*.csv")):
        columns = pd.read_csv(path, nrows=0).columns
        for value, low, high in (
            ("value", "low", "high"),
            ("difference", "difference_low", "difference_high"),
            _CORRELATION,
        ):
            if {value, low, high} <= set(columns):
                rows = pd.read_csv(path, usecols=[value, low, high]).dropna()
                known += rows[[value, low, high]].itertuples(index=False, name=None)
    for path in sorted(results.glob(f"models/*/{SCORES}")):
        scores = [row for row in json.loads(path.read_text()) if row["low"] is not None]
        known += [(row["value"], row["low"], row["high"]) for row in scores]
    found = []
    for figure in figures(text):
        digits = len(figure[0].split(".")[1])
        asked = tuple(float(part) for part in figure)
        if not any(
            all(abs(a - k) <= 0.5001 * 10**-digits for a, k in zip(asked, row, strict=True))
            for row in known
        ):
            found.append(f"{figure[0]} [{figure[1]}, {figure[2]}]")
    return found


def _revision(about: dict[str, Any], run: dict[str, Any]) -> str:
    return run.get("revision") or " or ".join(c["revision"] for c in about["code"])


_HEAD = """# What was measured

Written by `dreamtext study index` from the studies' tables; a test writes it again and compares.

"""
_FILES = f"""
A study's folder holds its tables (`table.md`, `table.html`, each alone in `tables/` as CSV and
LaTeX), `scores.csv`, `blocks.csv`, `contrasts.csv`, figures, and `{PROVENANCE}` with the command
that makes it. `{CELLS}/` keeps the values of every scored image, with what the judges read; the
tables are made of nothing else. `code` is the revisions that made a study's runs, `{REVISIONS}` has
each run's own. `scored so far` counts variants x seeds x tasks of the seeds that are reported.
"""
_OLD = f"""
Studies {OLD} rest on four photographs, and their intervals take every pair of image
and seed as independent. They stand until they are made again; nothing is concluded from them.
"""
_BESIDE = (  # title, link, what it is
    (
        *("leaderboard", "leaderboard.html"),
        "who is where: the systems of all studies, brought ones, and the models that come along",
    ),
    ("measures", "measures/README.md", "how the ranking changes with the measure"),
    (
        *("small", "models/small/README.md"),
        "the model behind `dreamtext edit`, and how well it paints",
    ),
    ("tiny", "models/tiny/README.md", "a model of the studies' size, trained longer, and its card"),
    ("statistics", "statistics/coverage.md", "how often the intervals hold the truth, simulated"),
    ("mutants", "mutants/mutants.md", "whether tests see it where what numbers rest on is wrong"),
    (
        *("mask laboratory", "mask_lab/README.md"),
        "latent masks under other blurs and thresholds, and what they have to do with reading",
    ),
    ("cost", "cost/cost.md", "seconds and memory of one picture, by system and resolution"),
    ("tuning", "tuning/tiny/README.md", "equal trials for five arms, and what was chosen"),
    (
        *("published", "published/README.md"),
        "published numbers, with their sources and how sure they are",
    ),
    ("data", "data/README.md", "the data sets' formats, as drawn"),
)
