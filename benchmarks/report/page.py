"""A study's report: one HTML page with its tables, figures and pictures beside it, and an index of
all studies; readable without a network, and the same bytes from the same scores."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import contrasts, figures, finding, gallery, gaps, results, site
from benchmarks.report.record import Record, collect
from benchmarks.report.sheet import sheet
from benchmarks.report.summary import scores_of
from benchmarks.runs.folder import PROVENANCE
from benchmarks.study import Cell, Study
from dreamtext.errors import UserError
from dreamtext.files import write_json

PAGE, INDEX = "report.html", "index.html"
LABORATORY = "mask_lab"  # the folder of its pages, which `dreamtext masks` writes
LEADERBOARD = "leaderboard.html"  # of `benchmarks.exchange.leaderboard`


def write(study: Study, cells: Sequence[Cell], folder: Path, narrowed: Sequence[str] = ()) -> None:
    """Everything of `results/<study>/`: tables, figures, sprites, provenance and `report.html`.

    Args:
        narrowed: options beside preset, seeds and n that chose these cells (`--where`, `--set`).

    Raises:
        RunError: no cell is scored yet.
        UserError: a cell's files are of another manifest or metric version; the folder has
            figures or a gallery that no report wrote.
    """
    record = collect(cells)
    _refuse_foreign(folder)
    (folder / PROVENANCE).unlink(missing_ok=True)  # half written, the report is none: see `shows`
    results.write_tables(study, record, folder)
    scores = scores_of(record)
    found = finding.of(study, record, scores, contrasts.test(study, scores))
    drawn = figures.write(study, record, scores, cells, folder / "figures")
    pictures = gallery.write(study, cells, folder)
    for path in folder.glob("sheet-*.png"):
        path.unlink()
    for benchmark in study.benchmarks:
        name = f"sheet-{'-'.join(benchmark.name.replace(',', '').split())}.png"
        sheet(study, cells, folder / name, task=benchmark.name)
    about = provenance(study, cells, narrowed)
    files = [p.name for p in sorted(folder.glob("*.csv")) if p.name != "scores.csv"]
    site.write(
        "study.html.j2",
        folder / PAGE,
        study=study,
        finding=found,
        tables=(folder / "table.html").read_text(),
        method=results.METHOD,
        figures=drawn,
        gallery=pictures,
        left_out=_left_out(study, record, pictures),
        notes=gaps.notes(record, study.metrics),
        provenance=about,
        revisions=sorted({run["revision"][:10] for run in about["runs"].values()}),
        files=[*files, "table.md", PROVENANCE],
        laboratory=laboratory(folder.parent, "../"),
        index=(folder.parent / INDEX).exists(),
    )
    about |= {
        "question": study.question,
        "paper": study.paper,
        "not_shown": study.not_shown,
        "finding": found.primary,
        "limits": list(found.limits),
    }
    write_json(folder / PROVENANCE, about)  # last


def write_index(folder: Path) -> None:
    """`index.html` of a folder of reports: every study's question and finding."""
    studies = []
    for path in sorted(folder.glob(f"*/{PROVENANCE}")):
        about = _read(path)
        if "finding" in about and (path.parent / PAGE).is_file():
            studies.append({"folder": path.parent.name, **about})
    pages = [
        (path.parent.name, f"{path.parent.name}/README.md")
        for path in sorted(folder.glob("*/README.md"))
        if path.parent.name not in (LABORATORY, "published")
    ]
    if (folder / LEADERBOARD).is_file():
        pages.insert(0, ("leaderboard", LEADERBOARD))
    common = [
        text
        for text in (studies[0]["limits"] if len(studies) > 1 else ())
        if all(text in study["limits"] for study in studies)
    ]  # said once
    site.write(
        "index.html.j2",
        folder / INDEX,
        studies=studies,
        common=common,
        laboratory=laboratory(folder, ""),
        paper=(folder / "PAPER.md").is_file(),
        pages=pages,
    )


def laboratory(folder: Path, before: str) -> list[tuple[str, str]]:
    """Title and link of every page of the mask laboratory in a folder of reports."""
    found = []
    for path in sorted((folder / LABORATORY).glob("*")):
        for name in ("summary.md", "grid.md", "compare.md", "relation.png"):
            if (path / name).is_file():
                found.append((path.name, f"{before}{LABORATORY}/{path.name}/{name}"))
                break
    return found


def shows(folder: Path, cells: Sequence[Cell]) -> bool:
    """Whether the report in a folder is whole and of exactly these cells' runs."""
    try:
        about = json.loads((folder / PROVENANCE).read_text())
        return set(about["runs"]) == {run.name for cell in cells for run in cell.runs}
    except (OSError, ValueError, KeyError):
        return False


def _refuse_foreign(folder: Path) -> None:
    """A report replaces two folders; one named with `--out` may have such of its owner's."""
    ours = any((folder / name).is_file() for name in ("scores.csv", PROVENANCE, PAGE))
    found = [name for name in ("figures", gallery.FOLDER) if (folder / name).exists()]
    if found and not ours:
        raise UserError(
            f"'{folder / found[0]}' is there and no report wrote it; a report replaces it, so name "
            "another folder with --out"
        )


def provenance(study: Study, cells: Sequence[Cell], narrowed: Sequence[str] = ()) -> dict[str, Any]:
    """Which runs, by which code, on what, and how to make the folder again."""
    used: dict[str, Any] = {}
    for cell in filter(lambda cell: cell.done, cells):
        by_stage = cell.scored.provenance()
        used |= {r.name: (r, by_stage[r.stage]) for r in cell.runs if r.stage in by_stage}
    found: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    packages: dict[str, str] = {}
    for name, (run, about) in sorted(used.items()):
        found[name] = {
            "title": run.title,
            "seconds": round(about["seconds"], 1),
            "revision": about["git"]["revision"],
            "clean": about["git"]["clean"],
        }
        seconds[run.stage] = round(seconds.get(run.stage, 0) + about["seconds"], 1)
        packages |= about["packages"]
    command = ["dreamtext", "study", "run", study.name, "--preset", study.preset]
    command += ["--seeds", str(len(study.seeds)), "--n", str(study.benchmarks[0].n), *narrowed]
    return {
        "study": study.name,
        "command": shlex.join(command),
        "narrowed": bool(narrowed),
        "preset": study.preset,
        "data": study.data,
        "seeds": study.seeds,
        "packages": packages,
        "wall_seconds_by_stage": seconds,
        "planned": len({cell.score.name for cell in cells}),
        "runs": found,
    }


def _left_out(study: Study, record: Record, pictures: dict[str, Any]) -> list[str]:
    said = gaps.explain(record)
    if pictures["left_out"]:
        said.append("not in the gallery: " + "; ".join(pictures["left_out"]))
    return said


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
