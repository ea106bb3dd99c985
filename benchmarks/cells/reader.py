"""Scored cells: reading one from its run folders, or from the compact form that is committed.

`results/cells/<score run>/` keeps all that tables and reports are made of:

    cell.json           the specs and provenance of its runs, and the hashes of the other files
    scores.json         a row a metric
    per_image.parquet   a row a sample: words, attributes, both judges' readings, a column a metric
    log.jsonl.gz        of its training, with the scores of masks on the way
    gallery.*           a few samples with their maps (`benchmarks.cells.gallery`)

A kept cell is done, whatever is in the runs folder; `benchmarks.cells.keeping` writes it.
"""

import gzip
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.cells import gallery
from benchmarks.runs.folder import SCORES, Run
from benchmarks.samples.folder import SAMPLES
from dreamtext.configs.schema import from_dict
from dreamtext.configs.sections import Config
from dreamtext.errors import RunError
from dreamtext.files import file_hash

if TYPE_CHECKING:
    import pandas as pd

CELL = "cell.json"
PER_IMAGE = "per_image.parquet"
LOG = "log.jsonl.gz"
_READERS = ("reading", "second_reading")  # columns `<reader>/<source>`
_TAKEN = ("seconds", "cpu_seconds")
_READ = "judges-agree/"  # the metric whose details hold what both judges read


def default_store() -> Path:
    """Where kept cells lie: $DREAMTEXT_CELLS, else ./results/cells."""
    return Path(os.environ.get("DREAMTEXT_CELLS") or "results/cells")


class Scored(Protocol):
    """A scored cell, wherever it lies."""

    def scores(self) -> list[dict[str, Any]]:
        """One row a metric; what the judges read stands in `per_image`."""
        ...

    def per_image(self) -> "pd.DataFrame":
        """A row a sample by its id: `word`, `source_word`, `status` and `reason` of other systems'
        answers, what the data set tells of it, `reading/<source>` and `second_reading/<source>`,
        and a column a metric."""
        ...

    def log(self) -> list[dict[str, Any]]:
        """Its training's log, in the order of steps; empty for a system that is not ours."""
        ...

    def provenance(self) -> dict[str, dict[str, Any]]:
        """Of each of its runs, by stage: what was recorded, and the `seconds` and
        `cpu_seconds` that its last start took."""
        ...

    def gallery(self) -> gallery.Gallery:
        """A few samples with their maps."""
        ...


def is_kept(score: Run, store: Path | None) -> bool:
    """Whether a scoring run's cell is kept, without opening it."""
    return store is not None and (store / score.name / CELL).is_file()


@dataclass(frozen=True)
class RunCell:
    """A cell as its runs left it.

    Attributes:
        runs: by stage, in order; a system that is not ours has no training.
    """

    runs: dict[str, Run]

    @classmethod
    def of(cls, score: Run) -> "RunCell":
        """The cell that a scoring run ends."""
        sample = score.parent_runs()["sample"]
        return cls({**sample.parent_runs(), "sample": sample, "score": score})

    def scores(self) -> list[dict[str, Any]]:
        return [_without_readings(row) for row in self.runs["score"].scores()]

    def per_image(self) -> "pd.DataFrame":
        import pandas as pd

        lines = (self.runs["sample"].folder / SAMPLES).read_text().splitlines()
        samples = pd.DataFrame([json.loads(line) for line in lines]).astype({"id": str})
        samples = samples.set_index("id").drop(
            columns=["box", "quad", "neighbours"], errors="ignore"
        )
        for row in self.runs["score"].scores():
            readings = row.get("details", {}).get("readings", {})
            for place, reader in enumerate(_READERS if readings else ()):
                column = f"{reader}/{row['metric'].removeprefix(_READ)}"
                samples[column] = [readings.get(i, (None, None))[place] for i in samples.index]
        return samples.join(self.runs["score"].per_image())

    def log(self) -> list[dict[str, Any]]:
        return self.runs["train"].log() if "train" in self.runs else []

    def provenance(self) -> dict[str, dict[str, Any]]:
        return {
            stage: run.provenance() | {k: v for k, v in run.finished().items() if k in _TAKEN}
            for stage, run in self.runs.items()
            if run.state == "done"
        }

    def gallery(self) -> gallery.Gallery:
        sample = self.runs["sample"]
        return gallery.collect(sample.folder, from_dict(Config, sample.settings["config"]).masks)


@dataclass(frozen=True)
class KeptCell:
    """A cell in its compact form; checked when it is first read."""

    folder: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `cell.json` says, after every check."""
        try:
            about = json.loads((self.folder / CELL).read_text())
            runs = {
                stage: Run(root=self.folder.parent, **spec) for stage, spec in about["runs"].items()
            }
            self._check(about["sha256"], runs)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"the kept cell {self.folder} is damaged ({error!r}); restore it, or remove it and "
                "run the study again"
            ) from error
        return about

    def _check(self, hashes: dict[str, str], runs: dict[str, Run]) -> None:
        if runs["score"].name != self.folder.name:
            raise RunError(
                f"the kept cell {self.folder} holds the values of {runs['score'].name}: it was "
                "renamed or edited; remove it and run the study again"
            )
        for stage, run in runs.items():
            for parent, name in run.parents.items():
                if runs[parent].name != name:
                    raise RunError(
                        f"the kept cell {self.folder} is not of one piece: its {stage} run read "
                        f"{name}, it holds {runs[parent].name}; remove it and run the study again"
                    )
        for name, expected in hashes.items():
            if file_hash(self.folder / name) != expected:
                raise RunError(
                    f"{self.folder / name} is not what {runs['score'].name} scored: its hash is "
                    "another; restore it, or remove the folder and run the study again"
                )
        asked = runs["score"].identity["metrics"]
        for row in json.loads((self.folder / SCORES).read_text()):
            if asked.get(row["metric"], row["version"]) != row["version"]:
                raise RunError(
                    f"{self.folder / SCORES} has version {row['version']} of {row['metric']}, its "
                    f"run asked for version {asked[row['metric']]}; remove the folder and run the "
                    "study again"
                )

    def scores(self) -> list[dict[str, Any]]:
        _ = self.about
        return json.loads((self.folder / SCORES).read_text())

    def per_image(self) -> "pd.DataFrame":
        from pyarrow.parquet import ParquetFile

        _ = self.about
        with ParquetFile(self.folder / PER_IMAGE) as file:  # half the time of pandas' reader
            return file.read(use_threads=False).to_pandas(use_threads=False)

    def log(self) -> list[dict[str, Any]]:
        _ = self.about
        text = gzip.decompress((self.folder / LOG).read_bytes()).decode()
        return [json.loads(line) for line in text.splitlines()]

    def provenance(self) -> dict[str, dict[str, Any]]:
        return self.about["provenance"]

    def gallery(self) -> gallery.Gallery:
        _ = self.about
        return gallery.read(self.folder)


def _without_readings(row: dict[str, Any]) -> dict[str, Any]:
    details = {k: v for k, v in row.get("details", {}).items() if k != "readings"}
    return row | {"details": details}
