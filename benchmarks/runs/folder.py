"""Run folders, `runs/<stage>-<signature>/`: what they hold, under which names.

    spec.json          what the run is: stage, identity, settings, parents
    provenance.json    the code, environment and hardware of its last start
    log.jsonl, checkpoints/, validation/, model/       of a training
    manifest.json, samples.jsonl and pictures          of a sampling (`benchmarks.samples`)
    shards/<run>.<I>-of-<N>/                           of each share of one that is shared
    scores.json, per_image.csv                         of a scoring
    DONE.json | FAILED.json                            how it ended

Done means `DONE.json` exists; it is written last, at once. Nothing else says done. Everyone else
asks a `Run` for what its folder holds and spells none of these names.
"""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from dreamtext.configs.schema import signature
from dreamtext.errors import RunError
from dreamtext.files import LOG, MODEL, write_json
from slurm.task import DONE, FAILED, is_done, read_failure

if TYPE_CHECKING:
    import pandas as pd

Stage = Literal["train", "sample", "score"]
STAGES: tuple[Stage, ...] = get_args(Stage)
State = Literal["missing", "started", "done", "failed"]

SPEC = "spec.json"
PROVENANCE = "provenance.json"
MANIFEST = "manifest.json"
SCORES = "scores.json"
PER_IMAGE = "per_image.csv"
# What a stage that is done has left; without it, DONE.json is not believed.
MAKES = {"train": (f"{MODEL}/model.safetensors",), "sample": ("samples.jsonl",), "score": (SCORES,)}
SHARDS = "shards"
OUTPUT = "output.log"  # what a stage started by `study run` printed


def default_root() -> Path:
    """Where runs live: $DREAMTEXT_RUNS, else ./runs."""
    return Path(os.environ.get("DREAMTEXT_RUNS") or "runs")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One stage of one configuration, and its folder.

    Attributes:
        identity: plain values the signature is a hash of; it holds the parents' signatures.
        settings: everything needed to run the stage, the full configuration included.
        parents: folder names of the stages it reads, by stage.
        title: for people: study, variant and seed.
    """

    stage: Stage
    identity: dict[str, Any]
    settings: dict[str, Any]
    parents: dict[str, str]
    root: Path
    title: str = ""

    @cached_property
    def name(self) -> str:
        return f"{self.stage}-{signature({'stage': self.stage, **self.identity})}"

    @cached_property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def spec(self) -> dict[str, Any]:
        """What `spec.json` holds."""
        return {
            "stage": self.stage,
            "title": self.title,
            "identity": self.identity,
            "settings": self.settings,
            "parents": self.parents,
        }

    @property
    def state(self) -> State:
        return state(self.folder)

    def prepare(self) -> Path:
        """Make the folder with its `spec.json`, so that the stage can be run from the folder.

        Raises:
            RunError: the folder is that of a run of another configuration.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / SPEC
        spec = self.spec
        before = _spec(path)
        if before and before.get("identity") != json.loads(json.dumps(self.identity)):
            raise RunError(
                f"{self.folder} belongs to a run of another configuration; move it away, or name "
                "another folder with --runs"
            )
        # What is no part of the identity - paths, workers, titles - is as it was asked for last.
        if before is None or (before != json.loads(json.dumps(spec)) and self.state != "done"):
            write_json(path, spec)
        return self.folder

    def parent_runs(self) -> dict[str, "Run"]:
        """The runs it reads, by stage.

        Raises:
            RunError: the folder of one is missing or damaged.
        """
        return {stage: load(self.root / name) for stage, name in self.parents.items()}

    # --- what its folder holds ----------------------------------------------------------------

    @property
    def model(self) -> Path:
        """Of a training that is done: the folder of the trained model."""
        return self.folder / MODEL

    def log(self) -> list[dict[str, Any]]:
        """Of a training: every whole line of its log, in the order of steps."""
        from dreamtext.training.log import read_log

        return read_log(self.folder / LOG)

    def scores(self) -> list[dict[str, Any]]:
        """Of a scoring that is done: one row a metric."""
        return json.loads((self.folder / SCORES).read_text())

    def per_image(self) -> "pd.DataFrame":
        """Of a scoring that is done: a row a sample by its id, a column a metric."""
        import pandas as pd

        return pd.read_csv(self.folder / PER_IMAGE, dtype={"id": str}).set_index("id")

    def provenance(self) -> dict[str, Any]:
        """What was recorded of it when it started; empty before that."""
        path = self.folder / PROVENANCE
        return json.loads(path.read_text()) if path.exists() else {}

    def finished(self) -> dict[str, Any]:
        """Of a run that is done: `finished` (seconds since 1970), and of its last start `seconds`
        and `cpu_seconds` (all threads of the process, not of a system it asked)."""
        return json.loads((self.folder / DONE).read_text())

    def failure(self) -> dict[str, Any]:
        """Of a run that failed: `error`, `message`, `traceback`, `attempts`; else empty."""
        return read_failure(self.folder)


def shard(folder: Path, number: int, of: int) -> Path:
    """The folder of one share of a sampling: who works on it, how far it is, how it ended."""
    return folder / SHARDS / f"{folder.name}.{number}-of-{of}"


def shards(folder: Path) -> list[Path]:
    """The shares that a sampling was begun in, in order; of several divisions the finest."""
    try:
        found = [name.rpartition(".")[2].split("-of-") for name in os.listdir(folder / SHARDS)]
    except OSError:
        return []
    of = max((int(of) for _, of in found), default=0)
    return [shard(folder, number, of) for number in range(of)]


def load(folder: Path) -> Run:
    """A run from its folder.

    Raises:
        RunError: there is no run in the folder, or its `spec.json` is damaged.
    """
    path = folder / SPEC
    try:
        spec = json.loads(path.read_text())
        run = Run(root=folder.parent, **{k: spec[k] for k in _SPEC})
    except FileNotFoundError as error:
        raise RunError(
            f"{folder} is no run folder: it has no {SPEC}; `dreamtext train` and "
            "`dreamtext sample` print theirs"
        ) from error
    except (json.JSONDecodeError, KeyError) as error:
        raise RunError(f"{path} is damaged ({error}); remove {folder} and plan again") from error
    if run.name != folder.name:
        raise RunError(
            f"{folder} holds the run {run.name}: it was renamed or its spec.json was edited; "
            "remove the folder and run the study again"
        )
    return run


_SPEC = ("stage", "identity", "settings", "parents", "title")


def state(folder: Path) -> State:
    """What a run's folder says of it; without what it was to make, it is not done."""
    if is_done(folder):
        made = MAKES.get(folder.name.partition("-")[0], ())
        if all((folder / name).exists() for name in made):
            return "done"
    if (folder / FAILED).exists():
        return "failed"
    return "started" if (folder / SPEC).exists() else "missing"


def _spec(path: Path) -> dict[str, Any] | None:
    """What a spec.json says; None if there is none, or a damaged one, which is written anew."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
