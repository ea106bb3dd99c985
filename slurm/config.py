"""What a job asks SLURM for: read from a small `cluster.toml`, with overrides.

partition = "gpu"                 # defaults of every stage
setup = ["module load cuda/12.4"]
[stage.train]                     # of one stage
gpus_per_node = 4
time_min = 1440
"""

import dataclasses
import difflib
import re
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slurm.errors import SlurmInputError

COLLECT = "collect"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """One stage's request. An empty text or a zero leaves the choice to the cluster's default."""

    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    time_min: int = 60
    mem_gb: float = 0.0  # per node
    cpus_per_task: int = 1
    gpus_per_node: int | str = 0  # 4, or of one type: "h100:4"
    nodes: int = 1
    tasks_per_node: int = 1  # one process each; for training on several GPUs: one per GPU
    parallel: int = 16  # jobs of one stage that may run at the same time
    runs_per_job: int = 1  # short tasks that one job does, one after the other
    shards: int = 1  # jobs that share one task, where its program can; whoever makes tasks asks
    warning_s: int = 90  # USR2 comes this long before the time limit
    python: str = ""  # interpreter on the nodes; empty: the one that submits
    container: str = ""  # words in front of the program: apptainer exec --nv image.sif
    container_python: str = "python"  # the program's interpreter, inside the container
    setup: tuple[str, ...] = ()  # shell lines before the work: module load ..., source ...
    keep_environment: tuple[str, ...] = ()  # variables of the shell to hand on; WANDB_* as well
    sbatch: dict[str, str | int | bool] = field(default_factory=dict)  # {exclude = "n3"}
    max_queued: int = 0  # tasks in the queue at once; the collecting job sends the rest
    shared_filesystem: bool = False  # true: trust that the nodes see the runs folder

    def __post_init__(self) -> None:
        at_least_one = ("time_min", "cpus_per_task", "nodes", "tasks_per_node", "parallel")
        for name in (*at_least_one, "runs_per_job", "shards"):
            if getattr(self, name) < 1:
                raise SlurmInputError(f"{name} must be at least 1, but is {getattr(self, name)}")
        for name in ("mem_gb", "gpus", "warning_s", "max_queued"):
            if getattr(self, name) < 0:
                shown = "gpus_per_node" if name == "gpus" else name
                raise SlurmInputError(f"{shown} must not be negative, but is {getattr(self, name)}")
        if self.warning_s >= 60 * self.time_min:
            raise SlurmInputError(
                f"warning_s={self.warning_s} is not shorter than the time limit, "
                f"time_min={self.time_min}: a job would be told to stop as it starts; ask for more "
                f"time or a shorter warning"
            )
        if self.gpus and self.tasks_per_node > self.gpus:
            raise SlurmInputError(
                f"tasks_per_node={self.tasks_per_node} is more than gpus_per_node="
                f"{self.gpus_per_node}: every process needs a GPU of its own"
            )

    @property
    def gpus(self) -> int:
        """GPUs of a node, of whatever type."""
        if isinstance(self.gpus_per_node, int):
            return self.gpus_per_node
        match = re.fullmatch(r"(?:[\w.-]+:)?(\d+)", self.gpus_per_node)
        if not match:
            raise SlurmInputError(
                f"gpus_per_node='{self.gpus_per_node}' is neither a number nor type:number, as "
                f"h100:4"
            )
        return int(match[1])

    @property
    def world_size(self) -> int:
        return self.nodes * self.tasks_per_node


_ALONE = {"nodes": 1, "tasks_per_node": 1, "gpus_per_node": 0}


@dataclass(frozen=True)
class ClusterConfig:
    """Defaults and the sections of single stages.

    Attributes:
        customs: what a stage asks for where its own section does not say, over the defaults.
    """

    defaults: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    customs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def resources(self, stage: str) -> Resources:
        """A stage's request. The collecting job is one process without GPUs unless the section
        [stage.collect] says otherwise. `sbatch` options of a section come on top of the others."""
        custom = _ALONE if stage == COLLECT else self.customs.get(stage, {})
        section = self.stages.get(stage, {})
        values = {**self.defaults, **custom, **section}
        values["sbatch"] = {**self.defaults.get("sbatch", {}), **section.get("sbatch", {})}
        return Resources(**values)

    def with_single(self, model: str, stages: Sequence[str]) -> "ClusterConfig":
        """With stages that are one process each, on one GPU where stage `model` has some, unless
        their own sections say otherwise."""
        asked = self.resources(model)
        kind = str(asked.gpus_per_node).rpartition(":")[0]
        gpus: int | str = f"{kind}:1" if kind else 1
        custom = _ALONE | {"gpus_per_node": gpus if asked.gpus else 0}
        return dataclasses.replace(self, customs={**self.customs, **dict.fromkeys(stages, custom)})

    def with_stage_like(self, stage: str, model: str) -> "ClusterConfig":
        """With another stage that asks for what stage `model` asks for."""
        sections = {**self.stages, stage: self.stages.get(model, {})}
        customs = {**self.customs, stage: self.customs.get(model, {})}
        return dataclasses.replace(self, stages=sections, customs=customs)

    def keeping(self, *variables: str) -> "ClusterConfig":
        """With further environment variables of the submitting shell handed on to every job."""

        def more(values: dict[str, Any]) -> dict[str, Any]:
            return {**values, "keep_environment": (*values.get("keep_environment", ()), *variables)}

        own = {s: more(v) if "keep_environment" in v else v for s, v in self.stages.items()}
        return dataclasses.replace(self, defaults=more(self.defaults), stages=own)

    def override(self, assignments: Sequence[str]) -> "ClusterConfig":
        """With `key=value` (every stage) or `stage.key=value`, which win over the file."""
        defaults = dict(self.defaults)
        stages = {name: dict(values) for name, values in self.stages.items()}
        for text in assignments:
            key, separator, value = text.partition("=")
            if not separator or not key:
                raise SlurmInputError(
                    f"'{text}' is not an override: write key=value or stage.key=value, "
                    f"as time_min=30 or train.gpus_per_node=2"
                )
            stage, _, name = key.rpartition(".")
            checked = _checked({name: _parse(name, value)}, "the override " + text)
            if stage:
                stages.setdefault(stage, {}).update(checked)
            else:
                defaults.update(checked)
                for values in stages.values():
                    values.pop(name, None)
        return dataclasses.replace(self, defaults=defaults, stages=stages)

    def refuse_unknown_stages(self, known: Sequence[str]) -> None:
        """Raises SlurmInputError for a section of a stage that does not exist."""
        known = [*known, COLLECT]
        for stage in self.stages:
            if stage not in known:
                near = difflib.get_close_matches(stage, known, n=1)
                raise SlurmInputError(
                    f"there is no stage '{stage}' to ask anything for"
                    f"{f'; did you mean {near[0]!r}' if near else ''}. Stages: {', '.join(known)}"
                )


def load(path: Path | None) -> ClusterConfig:
    """Read a `cluster.toml`; None gives SLURM's own defaults.

    Raises:
        SlurmInputError: no such file, not TOML, an unknown key (with the nearest known one) or a
            value of the wrong type.
    """
    if path is None:
        return ClusterConfig()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SlurmInputError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SlurmInputError(f"{path} is not valid TOML: {error}") from error
    sections = values.pop("stage", {})
    if not isinstance(sections, dict) or not all(isinstance(v, dict) for v in sections.values()):
        raise SlurmInputError(f"{path}: 'stage' holds sections, as [stage.train]")
    config = ClusterConfig(
        _checked(values, str(path)),
        {name: _checked(section, f"{path} [stage.{name}]") for name, section in sections.items()},
    )
    for stage in ["", *config.stages]:
        config.resources(stage)
    return config


_FIELDS = {f.name: f for f in dataclasses.fields(Resources)}


def _checked(values: dict[str, Any], where: str) -> dict[str, Any]:
    out = {}
    for name, value in values.items():
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, n=1)
            hint = f"; the nearest known one is '{near[0]}'" if near else ""
            raise SlurmInputError(
                f"{where}: unknown key '{name}'{hint}. Known: {', '.join(_FIELDS)}"
            )
        out[name] = _typed(name, value, where)
    return out


def _typed(name: str, value: Any, where: str) -> Any:
    kind = _FIELDS[name].type
    if name == "gpus_per_node":
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return int(value) if str(value).isdigit() else value
        kind = int
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind in (str, bool) and isinstance(value, kind):
        if kind is str and "\n" in value:
            raise SlurmInputError(f"{where}: '{name}' must be one line")
        return value
    if name in ("setup", "keep_environment") and isinstance(value, (list, tuple)):
        if all(isinstance(item, str) for item in value):
            return tuple(value)
    elif name == "sbatch" and isinstance(value, dict) and all(map(_an_option, value.values())):
        return value
    expected = {
        "float": "a number",
        "int": "a whole number",
        "str": "text",
        "bool": "true or false",
    }
    known = expected.get(getattr(kind, "__name__", ""), "a list of texts")
    if name == "sbatch":
        known = "a table of texts, numbers and true, as {exclude = 'n3', exclusive = true}"
    raise SlurmInputError(f"{where}: '{name}' must be {known}, but {value!r} was given")


def _an_option(value: Any) -> bool:
    return isinstance(value, (str, int, bool)) and "\n" not in str(value)


def _parse(name: str, text: str) -> Any:
    """An override's value: text as it is for text options, TOML for the others."""
    if name not in _FIELDS or _FIELDS[name].type is str:
        return text
    if name in ("setup", "keep_environment") and not text.startswith("["):
        return [text] if name == "setup" else shlex.split(text.replace(",", " "))
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
