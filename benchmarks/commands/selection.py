"""What the study commands act on: cells, a cluster's configuration, one run by its name."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.study import narrowed
from benchmarks.study import Cell, Study
from slurm.config import ClusterConfig

ClusterFile = Annotated[
    Path | None, typer.Option("--cluster", help="cluster.toml [default: ./cluster.toml, if any]")
]
ClusterSet = Annotated[
    list[str] | None,
    typer.Option("--ask", help="Of the cluster: key=value or stage.key=value (train.mem_gb=8)"),
]
RunName = Annotated[str, typer.Argument(help="A run: its folder, its name, or how that begins")]


def chosen(
    name: str,
    preset: str | None,
    seeds: int | None,
    n: int | None,
    where: list[str] | None,
    set_: list[str] | None,
    runs: Path | None,
) -> tuple[Study, list[Cell], Path]:
    """The study that the options mean, its cells, and the folder of their runs."""
    study = narrowed(name, preset, seeds, n, where, set_)
    root = root_of(runs)
    return study, study.cells(root), root


def root_of(runs: Path | None) -> Path:
    """The folder of runs, absolute."""
    from benchmarks.runs import default_root

    return (runs or default_root()).resolve()


def cluster_config(cluster: Path | None, ask: list[str] | None) -> ClusterConfig:
    """The cluster file, or `cluster.toml` here if there is one, with overrides."""
    from slurm.config import load

    if cluster is None and Path("cluster.toml").exists():
        cluster = Path("cluster.toml")
    return load(cluster).override(ask or [])


def find_run(text: str, root: Path) -> Path:
    """A run's folder from its path, its name, or the beginning of its name."""
    from dreamtext.errors import UserError

    if (Path(text) / "spec.json").exists():
        return Path(text).resolve()
    found = sorted(path.parent for path in root.glob(f"{text.rstrip('*')}*/spec.json"))
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
