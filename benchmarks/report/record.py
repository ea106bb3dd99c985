"""What a study's tables are made of, and all they are made of: values per image and per run.

`collect` reads them from finished runs, `write` and `read` keep them in `results/<study>/`, so that
every printed number can be computed again without the runs:

    per_image.parquet   a row a variant, seed, task and sample: its word, what it stands on, what
                        the judges read, and a column a metric
    runs.csv            a row a variant, seed, task and metric as the run scored it; a cell without
                        scores has one row that says why
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.runs.folder import MANIFEST, PER_IMAGE, SCORES
from benchmarks.samples.folder import SAMPLES
from benchmarks.study import Cell
from dreamtext.errors import RunError, UserError
from slurm.task import sentence

if TYPE_CHECKING:
    import pandas as pd

IMAGES, RUNS = "per_image.parquet", "runs.csv"
KEYS = ("variant", "seed", "task")
# What a sample is said to stand on, where its data set tells (`dreamtext.data.sample.Sample`).
ATTRIBUTES = (
    *("source", "background", "background_kind", "word_kind"),
    *("font", "font_style", "font_seen"),
)
_OF_SAMPLE = ("id", "word", "source_word", "status", "answer", *ATTRIBUTES)
_READINGS = ("reading", "second_reading")
_SCORE = (
    *("metric", "value", "low", "high", "n", "backbone", "version", "direction", "unit"),
    "reason",
)
_SUPPORTED = " (supported)"  # of a metric named so: the tables leave unsupported samples out anyway


@dataclass(frozen=True)
class Record:
    """A study's values.

    Attributes:
        images: a row a variant, seed, task and sample; NaN where a sample has no value.
        runs: a row a variant, seed, task and metric; `planned` is how many runs the variant should
            have, one for a system that makes no use of seeds.
    """

    images: "pd.DataFrame"
    runs: "pd.DataFrame"

    @property
    def metrics(self) -> list[str]:
        """The metrics that have values per image, in order."""
        other = {*KEYS, *_OF_SAMPLE, *_READINGS}
        return [c for c in self.images.columns if c not in other]

    def write(self, folder: Path) -> None:
        """Both files, byte for byte the same for the same values."""
        folder.mkdir(parents=True, exist_ok=True)
        self.images.to_parquet(folder / IMAGES, index=False, compression="zstd")
        self.runs.to_csv(folder / RUNS, index=False, float_format="%.9g")


def read(folder: Path) -> Record:
    """A record from the folder of a study's results.

    Raises:
        UserError: a file is missing, or holds values of two manifests or metric versions.
    """
    import pandas as pd

    for name in (IMAGES, RUNS):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} holds no {name}, so its tables cannot be made again from values; "
                "`dreamtext study report` writes it from the study's runs"
            )
    text = {"variant": str, "seed": str, "reason": str, "backbone": str, "warnings": str}
    runs = pd.read_csv(folder / RUNS, dtype=text, keep_default_na=True)
    for column in ("metric", "reason", "backbone", "warnings"):
        runs[column] = runs[column].fillna("")
    record = Record(pd.read_parquet(folder / IMAGES), runs)
    _one_of_each(record.runs, str(folder / RUNS))
    return record


def collect(cells: Iterable[Cell]) -> Record:
    """The values of every scored cell; a system that makes no use of seeds is counted once.

    Raises:
        RunError: no cell is scored yet.
        UserError: a run's files are of another manifest or metric version than the study's.
    """
    import pandas as pd

    cells = list(cells)
    planned: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        planned.setdefault((cell.variant.name, cell.benchmark.name), set()).add(cell.score.name)
    images: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    taken = set()
    for cell in cells:
        key = (cell.variant.name, cell.benchmark.name)
        if (*key, cell.score.name) in taken:
            continue
        taken.add((*key, cell.score.name))
        about = {
            "variant": cell.variant.name,
            "seed": str(cell.seed),
            "task": cell.benchmark.name,
            "planned": len(planned[key]),
            "manifest": cell.sample.identity["manifest"],
            "run": cell.score.name,
        }
        if cell.score.state != "done":
            rows.append(about | {"metric": "", "reason": _undone(cell)})
            continue
        scores = _scores(cell)
        frame = _per_image(cell, scores)
        rows += [about | _row(score, frame) for score in scores]
        for place, name in enumerate(KEYS):
            frame.insert(place, name, about[name])
        images.append(frame)
    if not images:
        raise RunError("no cell of the study is scored yet; run it first")
    runs = pd.DataFrame(rows)
    text = ("metric", "reason", "backbone", "warnings")
    runs = runs.assign(**{c: runs[c].fillna("") for c in text})
    _one_of_each(runs, "the study's runs")
    return Record(pd.concat(images, ignore_index=True), runs)


def _undone(cell: Cell) -> str:
    """Why a cell has no scores."""
    for run in cell.runs:
        if run.state == "failed":
            return f"the stage {run.stage} failed ({sentence(run.failure())})"
        if run.state != "done":
            return f"the stage {run.stage} has not been run to its end"
    return "not scored"


def _scores(cell: Cell) -> list[dict[str, Any]]:
    path, scores = cell.score.folder / SCORES, cell.score.scores()
    expected = cell.score.identity["metrics"]
    for score in scores:
        metric, version = score["metric"].removesuffix(_SUPPORTED), score["version"]
        if expected.get(metric, version) != version:
            raise UserError(
                f"{path} has version {version} of {metric}, the study asks for version "
                f"{expected[metric]}: it is of another revision of the metric; score again with "
                "`study run --force score`"
            )
    manifest = cell.sample.folder / MANIFEST
    found = json.loads(manifest.read_text())["hash"] if manifest.is_file() else None
    if found not in (None, cell.sample.identity["manifest"]):
        raise UserError(
            f"{manifest} is the manifest {found}, the study asks for "
            f"{cell.sample.identity['manifest']}: the run's folder holds another benchmark's "
            "samples; remove it and run the study again"
        )
    return [s for s in scores if not s["metric"].endswith(_SUPPORTED)]


def _per_image(cell: Cell, scores: list[dict[str, Any]]) -> "pd.DataFrame":
    """A row a sample of one run; without values where the system does not support it."""
    import pandas as pd

    text = (cell.sample.folder / SAMPLES).read_text()
    samples = pd.DataFrame([json.loads(line) for line in text.splitlines()])
    samples["id"] = samples["id"].astype(str)
    if "reason" in samples:
        samples["answer"] = samples.pop("reason")
    if "status" not in samples:
        samples["status"] = "ok"
    path, values = cell.score.folder / PER_IMAGE, cell.score.per_image()
    asked = set(samples.id[samples.status != "unsupported"])
    if not asked <= set(values.index) <= set(samples.id):
        odd = sorted(asked.symmetric_difference(values.index))[0]
        raise UserError(
            f"{path} holds {len(values)} samples, {cell.sample.name} painted {len(asked)} (for "
            f"instance '{odd}' is in only one of them): it is of another manifest; score again "
            "with `study run --force score`"
        )
    read = {k: v for s in scores for k, v in s.get("details", {}).get("readings", {}).items()}
    for place, name in enumerate(_READINGS):
        if read:
            samples[name] = [read[i][place] if i in read else None for i in samples.id]
    kept = [c for c in (*_OF_SAMPLE, *_READINGS) if c in samples]
    frame = samples[kept].join(values, on="id")
    frame.loc[frame.status == "unsupported", values.columns] = float("nan")
    return frame


def _row(score: dict[str, Any], images: "pd.DataFrame") -> dict[str, Any]:
    row = {name: score[name] for name in _SCORE}
    row["warnings"] = "; ".join(score.get("warnings", ()))
    unsupported, n = int((images.status == "unsupported").sum()), len(images)
    whole = score["metric"] not in images and not score["metric"].endswith("/truth")
    if unsupported and (whole or unsupported == n):
        # The picture of such a sample is no answer: a set with it has no distance, and no share.
        row |= {"value": None, "low": None, "high": None, "n": 0}
        row["reason"] = f"{unsupported} of {n} samples are unsupported"
    return row


def _one_of_each(runs: "pd.DataFrame", where: str) -> None:
    """Values of one task share a manifest, and those of one metric a version."""
    scored = runs[runs.metric != ""]
    for column, by, what in (("manifest", "task", "manifest"), ("version", "metric", "version")):
        for name, own in scored.groupby(by, sort=False):
            found = own[column].dropna().unique()
            if len(found) > 1:
                first, other = own.drop_duplicates(column).iloc[:2].itertuples()
                raise UserError(
                    f"{where}: {by} '{name}' has values of two {what}s, "
                    f"{getattr(first, column)} ({first.variant}, seed {first.seed}) and "
                    f"{getattr(other, column)} ({other.variant}, seed {other.seed}); they are "
                    "not comparable: score or sample the older again"
                )
