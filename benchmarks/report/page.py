"""A study's report: one HTML page, its figures beside it, readable without a network."""

import html
import json
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import plots, results
from benchmarks.runs.folder import PROVENANCE
from benchmarks.study import Cell, Study
from dreamtext.files import write_json


def write(study: Study, cells: Sequence[Cell], folder: Path) -> None:
    """Everything of `results/<study>/`: tables, figures, sheets, provenance and `report.html`.

    Raises:
        RunError: no cell is scored yet.
    """
    table = results.write(study, cells, folder)
    plots.scores(study, table, folder / "scores.png")
    figures = ["scores.png"]
    if plots.training(study, cells, folder / "training.png"):
        figures.append("training.png")
    for benchmark in study.benchmarks:
        name = f"sheet-{'-'.join(benchmark.name.replace(',', '').split())}.png"
        if plots.sheet(study, cells, folder / name, task=benchmark.name):
            figures.append(name)
    (folder / "report.html").write_text(_page(study, (folder / "table.md").read_text(), figures))
    write_json(folder / PROVENANCE, provenance(study, cells))  # last: see `shows`


def shows(folder: Path, cells: Sequence[Cell]) -> bool:
    """Whether the report in a folder is whole and of exactly these cells' runs."""
    try:
        about = json.loads((folder / PROVENANCE).read_text())
        return set(about["runs"]) == {run.name for cell in cells for run in cell.runs}
    except (OSError, ValueError, KeyError):
        return False


def provenance(study: Study, cells: Sequence[Cell]) -> dict:
    """Which runs, by which code, on what, and how to make the folder again."""
    used = {}
    for cell in filter(lambda cell: cell.done, cells):
        by_stage = cell.scored.provenance()
        used |= {r.name: (r, by_stage[r.stage]) for r in cell.runs if r.stage in by_stage}
    found: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for name, (run, about) in sorted(used.items()):
        found[name] = {
            "title": run.title,
            "seconds": round(about["seconds"], 1),
            "revision": about["git"]["revision"],
            "clean": about["git"]["clean"],
        }
        seconds[run.stage] = round(seconds.get(run.stage, 0) + about["seconds"], 1)
        packages = about["packages"]
    command = ["dreamtext", "study", "run", study.name, "--preset", study.preset]
    command += ["--seeds", str(len(study.seeds)), "--n", str(study.benchmarks[0].n)]
    return {
        "study": study.name,
        "command": " ".join(command),
        "preset": study.preset,
        "seeds": study.seeds,
        "written": time.strftime("%Y-%m-%d", time.gmtime()),
        "packages": packages if used else {},
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "wall_seconds_by_stage": seconds,
        "runs": found,
    }


def _page(study: Study, markdown: str, figures: Sequence[str]) -> str:
    captions = {
        "scores.png": "Scores: bars are means over seeds with 95 % intervals, circles single seeds",
        "training.png": "mIoU of latent character masks on held-out samples while training",
        "sheet-reconstruction.png": "The same words across variants (first seed), with the masks "
        "each run's attention gives on the real photograph",
        "sheet-editing.png": "Another word of the same length painted over the one that was there",
    }
    shown = "\n".join(
        f'<figure><img src="{f}" alt="{html.escape(captions.get(f, f))}">'
        f"<figcaption>{html.escape(captions.get(f, f))}</figcaption></figure>"
        for f in figures
    )
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
        "color:#222}table{border-collapse:collapse;margin:1rem 0;font-size:13px}"
        "td,th{border-bottom:1px solid #ddd;padding:.3rem .7rem;text-align:left}"
        "img{max-width:100%}figure{margin:1.5rem 0}figcaption{color:#666;font-size:13px}"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{study.name}</title>'
        f"<style>{style}</style></head><body>\n{_html(markdown)}\n{shown}\n"
        '<p><a href="scores.csv">scores.csv</a> · <a href="contrasts.csv">contrasts.csv</a> · '
        '<a href="provenance.json">provenance.json</a></p></body></html>\n'
    )


def _html(markdown: str) -> str:
    """The few Markdown forms that `render.markdown` writes: headings, tables, paragraphs."""
    out: list[str] = []
    rows: list[list[str]] = []

    def flush() -> None:
        if rows:
            head, *body = rows
            cells = "".join(f"<th>{c}</th>" for c in head)
            lines = "".join(
                "<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in body
            )
            out.append(f"<table><tr>{cells}</tr>{lines}</table>")
            rows.clear()

    for line in markdown.splitlines():
        text = re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(line, quote=False))
        text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
        text = re.sub(r"\*(.+?)\*", r"<i>\1</i>", text)
        if line.startswith("|"):
            if not line.startswith("| ---"):
                rows.append([c.strip() for c in text.strip("|").split("|")])
            continue
        flush()
        if line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            out.append(f"<h{level}>{text.lstrip('# ')}</h{level}>")
        elif line.strip():
            out.append(f"<p>{text}</p>")
    flush()
    return "\n".join(out)
