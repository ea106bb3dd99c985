"""What the study commands act on: a selection of a study's cells, a cluster, one run by its name.

Nothing heavy is imported before it is asked for: `study status` needs none of it.
"""

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from benchmarks.launch.outline import Outline
    from benchmarks.study import Cell, Study
    from slurm.config import ClusterConfig

Name = Annotated[str, typer.Argument(help="A study's name (see `study list`) or its Python file")]
Preset = Annotated[str | None, typer.Option(help="Another preset than the study's own")]
Seeds = Annotated[int | None, typer.Option(help="How many seeds, from 0 on")]
Samples = Annotated[int | None, typer.Option("--n", help="How many samples of each benchmark")]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Only cells with variant=A|B, seed=0|1 or task=editing; may be repeated"),
]
Set = Annotated[list[str] | None, typer.Option("--set", help="section.key=value for every variant")]
RunsOption = Annotated[
    Path | None, typer.Option("--runs", help="Folder of runs [default: $DREAMTEXT_RUNS or ./runs]")
]
CellsOption = Annotated[
    Path | None,
    typer.Option(
        "--cells", help="Folder of kept cells [default: $DREAMTEXT_CELLS or ./results/cells]"
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Where the report goes [default: results/<study>, -<preset> if another]"),
]
ClusterFile = Annotated[
    Path | None, typer.Option("--cluster", help="cluster.toml [default: ./cluster.toml, if any]")
]
ClusterSet = Annotated[
    list[str] | None,
    typer.Option("--ask", help="Of the cluster: key=value or stage.key=value (train.mem_gb=8)"),
]
RunName = Annotated[str, typer.Argument(help="A run: its folder, its name, or how that begins")]


@dataclass(frozen=True)
class Selection:
    """Which cells of which study, and where their runs are: what every study command is told."""

    name: Name
    preset: Preset = None
    seeds: Seeds = None
    n: Samples = None
    where: Where = None
    set_: Set = None
    runs: RunsOption = None
    kept: CellsOption = None

    @cached_property
    def root(self) -> Path:
        """The folder of runs, absolute."""
        return root_of(self.runs)

    @cached_property
    def study(self) -> "Study":
        """The study as the options narrow it."""
        from benchmarks.study import load_study
        from dreamtext.errors import UserError

        for text in self.where or []:
            if "=" not in text:
                raise UserError(f"--where takes key=value, as variant=none|full, not '{text}'")
        return load_study(self.name).narrowed(
            preset=self.preset,
            seeds=None if self.seeds is None else range(self.seeds),
            n=self.n,
            overrides=self.set_ or (),
            where=dict(text.split("=", 1) for text in self.where or []),
        )

    @property
    def store(self) -> Path:
        """The folder of kept cells, absolute."""
        from benchmarks.cells.reader import default_store

        return (self.kept or default_store()).resolve()

    @cached_property
    def cells(self) -> list["Cell"]:
        return self.study.cells(self.root, self.store)

    @cached_property
    def outline(self) -> "Outline":
        """The names of the runs that the selection's cells need, kept ones left out, remembered
        from an earlier call where that is sure."""
        from benchmarks.launch.outline import recall, with_shards
        from benchmarks.launch.tasks import distinct_runs

        asked = {k: v for k, v in asdict(self).items() if k != "runs"}
        asked["kept"] = sorted(path.name for path in self.store.glob("score-*"))
        return with_shards(recall(asked, self.root, lambda: distinct_runs(self.cells)))

    def results_folder(self, out: Path | None) -> Path:
        """`out`, else `results/<study>`, with the preset and the data set behind it if they are
        not the study's own."""
        from benchmarks.study import load_study
        from dreamtext.configs.presets import preset

        if out:
            return out
        own, chosen = load_study(self.name), self.study
        words = [chosen.name]
        if chosen.preset != own.preset:
            words.append(chosen.preset)
        if chosen.data != preset(chosen.preset).data.name:
            words.append(chosen.data)
        return Path("results", "-".join(words))

    @property
    def narrowing(self) -> list[str]:
        """The options that choose other cells than the study's own at its seeds and n."""
        pairs = (("--where", self.where), ("--set", self.set_))
        return [
            word for option, values in pairs for value in values or [] for word in (option, value)
        ]

    def options(self) -> list[str]:
        """The options that select the same cells again, for another process."""
        words = ["--runs", str(self.root), "--cells", str(self.store)]
        for option, value in (("preset", self.preset), ("seeds", self.seeds), ("n", self.n)):
            words += [f"--{option}", str(value)] if value is not None else []
        return words + self.narrowing


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose first parameter is a `Selection`, with the selection's options as its own
    (typer reads them from the signature)."""
    shared = list(inspect.signature(Selection).parameters.values())
    _, *own = inspect.signature(command).parameters.values()
    names = [f.name for f in fields(Selection)]

    @wraps(command)
    def flat(**options: Any) -> Any:
        return command(Selection(**{name: options.pop(name) for name in names}), **options)

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*shared, *own)]
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {p.name: p.annotation for p in parameters}
    del flat.__wrapped__  # type: ignore[attr-defined]
    return flat


def root_of(runs: Path | None) -> Path:
    """The folder of runs, absolute."""
    from benchmarks.runs.folder import default_root

    return (runs or default_root()).resolve()


def cluster_config(cluster: Path | None, ask: list[str] | None) -> "ClusterConfig":
    """The cluster file, or `cluster.toml` here if there is one, with overrides.

    Sampling and scoring are one process each, with a GPU where training has some. A share of a
    sampling asks for what a sampling asks for.
    """
    from benchmarks.launch.tasks import SHARD
    from benchmarks.runs.folder import STAGES
    from dreamtext.errors import UserError
    from slurm.config import load

    if cluster is None and Path("cluster.toml").exists():
        cluster = Path("cluster.toml")
    config = load(cluster).override(ask or [])
    config.refuse_unknown_stages(STAGES)
    sharing = {stage for stage, section in config.stages.items() if "shards" in section}
    if "shards" in config.defaults or sharing - {"sample"}:
        raise UserError(
            "only sampling can be shared among jobs: say shards in [stage.sample], or "
            "--ask sample.shards=4"
        )
    config = config.with_single("train", ("sample", "score")).keeping("DREAMTEXT_*")
    return config.with_stage_like(SHARD, "sample")


def find_run(text: str, root: Path) -> Path:
    """The folder of a run, or of a share of one, from its path, its name, or its beginning.

    Raises:
        UserError: no run is called so, or several are.
    """
    from benchmarks.runs.folder import SHARDS, SPEC
    from dreamtext.errors import UserError

    if (Path(text) / SPEC).exists():
        return Path(text).resolve()
    name, dot, share = text.rstrip("*").partition(".")
    if dot:  # of a sampling: sample-3f2a.0-of-4
        found = sorted(root.glob(f"{name}*/{SHARDS}/{name}*.{share}*"))
    else:
        found = sorted(path.parent for path in root.glob(f"{name}*/{SPEC}"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found[:5])
        raise UserError(f"'{text}' begins {len(found)} runs: {names}{' ...' * (len(found) > 5)}")
    raise UserError(f"no run in {root} is called '{text}'; see `study status NAME --all`")


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
