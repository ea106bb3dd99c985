"""The runs of a configuration: a stage each, with all that decides its result, and nothing else."""

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.runs.folder import Run
from benchmarks.runs.manifest import Benchmark, Manifest, draw
from dreamtext.configs.schema import identity, to_dict
from dreamtext.configs.sections import (
    METHOD_REVISION,
    SAMPLING_REVISION,
    Config,
    DataConfig,
    MaskConfig,
    ScoringConfig,
)
from dreamtext.weights.starting import weight_hashes


def train_run(config: Config, root: Path, title: str = "") -> Run:
    """The training run of a configuration; how it samples and is scored is no part of it.

    Raises:
        UserError: a weight file it starts from is missing.
    """
    later = ("sampling", "scoring")
    own = [f.name for f in fields(config) if f.name not in later]
    meaning = {name: _meaning(getattr(config, name)) for name in own}
    identity = {
        "config": meaning,
        "data_revision": _train_revision(config.data),
        "method": METHOD_REVISION,
    }
    if hashes := weight_hashes(config):
        identity["weights"] = hashes
    return Run(
        stage="train",
        identity=identity,
        settings={"config": _plain(config), "seed": config.seed},
        parents={},
        root=root,
        title=title,
    )


def sample_run(config: Config, benchmark: Benchmark, train: Run, title: str = "") -> Run:
    """The sampling run of a trained model on a benchmark."""
    return Run(
        stage="sample",
        identity={
            "system": {"name": "dreamtext", "train": train.name},
            "sampling": _meaning(config.sampling),
            **({"sampler": SAMPLING_REVISION} if SAMPLING_REVISION > 1 else {}),
            "data": _meaning(config.data),
            "seed": 0,
            "manifest": _manifest_hash(config.data, benchmark),
        },
        settings={
            "config": _plain(config),
            "seed": config.seed,
            "system": "dreamtext",
            "benchmark": to_dict(benchmark),
        },
        parents={"train": train.name},
        root=train.root,
        title=f"{title} {benchmark.name}",
    )


def system_run(
    config: Config,
    benchmark: Benchmark,
    name: str,
    overrides: Sequence[str],
    seed: int,
    root: Path,
    title: str = "",
) -> Run:
    """The sampling run of a system that is not ours, by its name and overrides: it has no training.

    A system that makes no use of seeds is run once for all of them.
    """
    from baselines.catalogue import configured

    system = configured(name, overrides)
    seed = 0 if system.deterministic else seed
    return Run(
        stage="sample",
        identity={
            "system": {"name": name, "train": ""},
            "sampling": system.identity(),
            "data": _meaning(config.data),
            "seed": seed,
            "manifest": _manifest_hash(config.data, benchmark),
        },
        settings={
            "config": _plain(config),
            "seed": seed,
            "system": name,
            "system_overrides": list(overrides),
            "benchmark": to_dict(benchmark),
        },
        parents={},
        root=root,
        title=f"{title} {benchmark.name}",
    )


def score_run(config: Config, sample: Run) -> Run:
    """The scoring run of a sampling run; a metric's new version, another judge or another weight
    file makes it another run.

    Raises:
        UserError: a judge or weight file of `config.scoring` is missing or the wrong one.
    """
    scoring, decided = _scoring(config.masks, config.scoring, config.data)
    return Run(
        stage="score",
        identity={"sample": sample.name, **decided},
        settings={
            "config": {**_plain(config), "scoring": scoring},
            "seed": sample.settings["seed"],
        },
        parents={"sample": sample.name},
        root=sample.root,
        title=sample.title,
    )


# A grid's thousands of runs share most sections of their configuration: each is turned into plain
# values, hashed or looked up once a process. The results are shared, and only ever read.


@lru_cache(maxsize=4096)
def _meaning(section: Any) -> Any:
    return identity(section)


@lru_cache(maxsize=4096)
def _values(section: Any) -> Any:
    return to_dict(section)


def _plain(config: Config) -> dict[str, Any]:
    return {f.name: _values(getattr(config, f.name)) for f in fields(config)}


@lru_cache(maxsize=64)
def _train_revision(data: DataConfig) -> str:
    from dreamtext.data import revision

    return revision(data, "train")


@lru_cache(maxsize=64)
def _scoring(
    masks: MaskConfig, scoring: ScoringConfig, data: DataConfig
) -> tuple[Any, dict[str, Any]]:
    """The judge and files by absolute path, and what they, the masks and the data set decide."""
    from benchmarks.metrics.options import Options, absolute
    from benchmarks.metrics.registry import versions

    options = Options.of(Config(data=data, masks=masks, scoring=scoring))
    decided = {"metrics": versions(options=options), **options.identity()}
    return to_dict(absolute(scoring)), decided


def manifest_of(config: Config, benchmark: Benchmark) -> Manifest:
    """The benchmark's manifest; drawn once a process."""
    return _manifest(config.data, benchmark)


_manifest = lru_cache(maxsize=64)(draw)


@lru_cache(maxsize=64)
def _manifest_hash(data: DataConfig, benchmark: Benchmark) -> str:
    return _manifest(data, benchmark).hash
