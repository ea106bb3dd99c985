"""What a job asks SLURM for: read from a small `cluster.toml`, with overrides.

partition = "gpu"                 # defaults of every stage
setup = ["module load cuda/12.4"]
[stage.train]                     # of one stage
gpus_per_node = 4
time_min = 1440
"""

import dataclasses
import difflib
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
    gpus_per_node: int = 0
    nodes: int = 1
    tasks_per_node: int = 1  # one process each; for training on several GPUs: one per GPU
    parallel: int = 16  # tasks of one stage that may run at the same time
    warning_s: int = 90  # USR2 comes this long before the time limit
    python: str = ""  # interpreter on the nodes; empty: the one that submits
    container: str = ""  # words in front of the interpreter: apptainer exec --nv image.sif
    setup: tuple[str, ...] = ()  # shell lines before the work: module load ..., source ...
    keep_environment: tuple[str, ...] = ()  # variables of the submitting shell to hand on
    sbatch: dict[str, str] = field(default_factory=dict)  # any other option: {exclude = "n3"}
    shared_filesystem: bool = False  # true: trust that the nodes see the runs folder

    def __post_init__(self) -> None:
        for name in ("time_min", "cpus_per_task", "nodes", "tasks_per_node", "parallel"):
            if getattr(self, name) < 1:
                raise SlurmInputError(f"{name} must be at least 1, but is {getattr(self, name)}")
        for name in ("mem_gb", "gpus_per_node", "warning_s"):
            if getattr(self, name) < 0:
                raise SlurmInputError(f"{name} must not be negative, but is {getattr(self, name)}")

    @property
    def world_size(self) -> int:
        return self.nodes * self.tasks_per_node


@dataclass(frozen=True)
class ClusterConfig:
    """Defaults and the sections of single stages."""

    defaults: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def resources(self, stage: str) -> Resources:
        """A stage's request. The collecting job is one process without GPUs unless the section
        [stage.collect] says otherwise."""
        alone = {"nodes": 1, "tasks_per_node": 1, "gpus_per_node": 0} if stage == COLLECT else {}
        return Resources(**{**self.defaults, **alone, **self.stages.get(stage, {})})

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
        return ClusterConfig(defaults, stages)


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
    elif name == "sbatch" and isinstance(value, dict):
        return {str(k): str(v) for k, v in value.items()}
    expected = {
        "float": "a number",
        "int": "a whole number",
        "str": "text",
        "bool": "true or false",
    }
    known = expected.get(getattr(kind, "__name__", ""), "a list of texts")
    raise SlurmInputError(f"{where}: '{name}' must be {known}, but {value!r} was given")


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
