"""Scoring pictures that somebody else painted: a study of one variant, scored as any other.

`results/brought/<name>/` holds what a study's folder does, and about.json, which says whose the
pictures are and that the user brought them.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.brought import SYSTEM, TOLD, Results
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import to_dict
from dreamtext.data.exported import Export
from dreamtext.errors import UserError
from dreamtext.files import write_json

if TYPE_CHECKING:
    from benchmarks.study import Cell, Study

ABOUT = "about.json"
BROUGHT = "brought by the user"
_PRESET = "tiny"  # only its mask settings are used: everything of the data comes from the export


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Pictures painted on an export, and whose they are: `told` has name, licence, url, notes
    where known. A partial one lacks pictures, which count as failures."""

    results: Results
    told: dict[str, str]

    @property
    def export(self) -> Export:
        return self.results.export

    @property
    def slug(self) -> str:
        """The name as a folder's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.told["name"].lower()).strip("-") or "unnamed"


def submission(
    results: Path, export: Export, told: dict[str, str | None], *, partial: bool = False
) -> Submission:
    """Check pictures and export through and through, before any work.

    Args:
        told: what was said on the command line; it goes before the folder's `system.json`.

    Raises:
        UserError: names what is wrong with the export or the pictures.
    """
    found = Results(results.resolve(), Export(export.folder.resolve()), partial)
    found.export.check_files()
    found.check()
    known = {**found.told, **{k: v for k, v in told.items() if v}}
    if not known.get("name"):
        raise UserError(
            f"whose pictures are they? Give --name, or write {SYSTEM} into '{results}' with some "
            f"of {', '.join(TOLD)}"
        )
    return Submission(results=found, told=known)


def study(submission: Submission, scoring: Sequence[str] = ()) -> "Study":
    """The study that a submission is: its one variant on every task of its export. A partial one
    has a second variant, which leaves out what is missing instead of counting it as failures.

    Args:
        scoring: overrides as `scoring.judge=NAME`.
    """
    from benchmarks.runs.manifest import Benchmark, read
    from benchmarks.study import Study, Variant

    export, results = submission.export, submission.results
    settings = [f"results={_text(str(results.folder))}", f"export={_text(str(export.folder))}"]
    name = submission.slug
    variants = {name: "refused"}
    if results.partial:
        variants = {name: "failures", f"{name} (brought only)": "left_out"}
    frozen = {task: export.frozen(task) for task in export.about["manifests"]}
    counted = f"{len(results.files)} of {len(export.lines)}"
    return Study(
        name=name,
        question=f"{submission.told['name']}: {counted} pictures brought by the user, painted "
        f"on the export {export.key}.",
        preset=_PRESET,
        overrides=(*_data_overrides(export), *scoring),
        variants=tuple(
            Variant(name=known, system="folder", overrides=(*settings, f"missing={missing}"))
            for known, missing in variants.items()
        ),
        reference=name,
        seeds=tuple(range(export.seeds)),
        benchmarks=tuple(
            Benchmark(
                task=task, split=export.about["split"], n=len(read(file).entries), file=str(file)
            )
            for task, file in frozen.items()
        ),
    )


def _data_overrides(export: Export) -> Iterator[str]:
    """What the export's data set says otherwise than the preset."""

    def differing(values: dict, base: dict, path: str) -> Iterator[str]:
        for key, value in values.items():
            if isinstance(value, dict):
                yield from differing(value, base[key], f"{path}.{key}")
            elif value != base[key]:
                yield f"{path}.{key}={_text(value)}"

    return differing(to_dict(export.data), to_dict(preset(_PRESET).data), "data")


def _text(value: Any) -> str:
    return json.dumps(value)  # which is YAML as well, whatever a path holds


def score(cells: Sequence["Cell"], should_stop: Callable[[], bool] = lambda: False) -> None:
    """Copy and score what is not yet done.

    Raises:
        Interrupted: asked to stop; what is finished is kept.
    """
    from benchmarks.launch.stages import execute

    for cell in cells:
        for run in cell.runs:
            execute(run, should_stop)


def write(submission: Submission, study: "Study", cells: Sequence["Cell"], folder: Path) -> None:
    """The folder of a submission: a study's report, and about.json.

    Raises:
        UserError: the folder is of somebody else's pictures.
    """
    from benchmarks.report import page

    known = about(submission)
    refuse_others(folder, known)
    page.write(study, cells, folder)
    write_json(folder / ABOUT, known)  # last: see `leaderboard`


def refuse_others(folder: Path, known: dict[str, Any]) -> None:
    """Two systems of one name must not share a folder.

    Raises:
        UserError: the folder holds another system's scores.
    """
    try:
        there = json.loads((folder / ABOUT).read_text("utf-8"))
    except FileNotFoundError:
        return
    if (there["name"], there["url"]) != (known["name"], known["url"]):
        raise UserError(
            f"'{folder}' holds the scores of '{there['name']}' {there['url']}; give another --name"
        )


def about(submission: Submission) -> dict[str, Any]:
    """Whose the pictures are, and what they were painted on."""
    results, header = submission.results, submission.export.about
    kept = ("key", "split", "revision", "manifests", "seeds")
    return {
        **{name: submission.told.get(name, "") for name in TOLD},
        "variant": submission.slug,
        "provenance": BROUGHT,
        "pictures": len(results.files),
        "wanted": len(submission.export.lines),
        "results": results.hash,
        "data": header["data"]["name"],
        "export": {name: header[name] for name in kept},
    }
