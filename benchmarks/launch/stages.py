"""A cell of a table: train -> sample -> score, each in its run folder, each resumable."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.launch.preflight import refuse_without_gpus
from benchmarks.runs import provenance
from benchmarks.runs.folder import MANIFEST, PER_IMAGE, SCORES, Run, load, shard, shards, state
from benchmarks.runs.manifest import Benchmark, open_samples
from benchmarks.runs.work import AlreadyDone, leads, settling, working
from dreamtext.configs.schema import from_dict, to_dict
from dreamtext.configs.sections import Config
from dreamtext.errors import RunError, UserError
from dreamtext.files import LOG, refuse_if_overtaken, write_json, write_text
from slurm import ranks
from slurm.task import DONE, is_done

if TYPE_CHECKING:
    from benchmarks.samples.painting import Painter, Share

ShouldStop = Callable[[], bool]


def execute(run: Run, should_stop: ShouldStop = lambda: False) -> bool:
    """Do a run's stage if it is not done; returns whether anything was done.

    Raises:
        RunError: a stage it reads is not done.
    """
    if run.state == "done":
        return False
    _refuse_unfinished_parents(run)
    work = {"train": train_stage, "sample": sample_stage, "score": score_stage}[run.stage]
    if run.stage == "score" and not leads():
        return False  # training and sampling are shared among a job's tasks
    try:
        with working(run):
            refuse_without_gpus()
            _record_device(run)
            work(run, should_stop)
    except AlreadyDone:
        return False
    return True


def _refuse_unfinished_parents(run: Run) -> None:
    for stage, name in run.parents.items():
        if state(run.root / name) != "done":
            raise RunError(
                f"{run.name} reads the {stage} stage {name}, which is not done; run that first"
            )


def _record_device(run: Run) -> None:
    """What the stage computes on, and in which precision; a device that is not there is refused
    before anything is done."""
    from dreamtext import devices

    if not leads():
        return
    config = run.settings["config"]
    precision = {
        "train": config["training"]["mixed_precision"],
        "sample": config["sampling"].get("precision", "no"),
    }
    computing = devices.describe() | {"precision": precision.get(run.stage, "no")}
    provenance.record(run, computing=computing)


def config_of(run: Run) -> Config:
    """The configuration a run was planned with."""
    return from_dict(Config, run.settings["config"])


def train_stage(run: Run, should_stop: ShouldStop) -> None:
    """Train a run's model in its folder, from its last checkpoint on.

    Raises:
        RunError: a weight file is another than the run was planned with.
    """
    from benchmarks.metrics.options import Options
    from benchmarks.metrics.snapshot import SnapshotReader
    from dreamtext.data import open_dataset
    from dreamtext.training.loop import train
    from dreamtext.weights.starting import weight_hashes

    config = config_of(run)
    _refuse_other_files(run, run.identity.get("weights", {}), weight_hashes(config))
    train(
        config,
        run.folder,
        open_dataset(config.data, "train"),
        open_dataset(config.data, "validation"),
        should_stop=should_stop,
        read=SnapshotReader(Options.of(config)),
    )


def paint_shard(run: Run, text: str, should_stop: ShouldStop = lambda: False) -> None:
    """Paint the share "I/N" of a sampling into its folder, beside others that paint theirs, and
    leave it to be finished by `execute`, which paints what is missing. The share has a folder of
    its own, which says how far it is and how it ended.

    Raises:
        UserError: the run is no sampling, or there is no such share.
        RunError: the training it reads is not done, or the data set changed since it was planned.
    """
    from benchmarks.samples.painting import Share

    share = Share.parse(text)
    if run.stage != "sample":
        raise UserError(f"{run.name} is a {run.stage} run; only sampling has shards")
    if run.state == "done" or not leads():
        return
    folder = shard(run.folder, share.number, share.of)
    folder.mkdir(parents=True, exist_ok=True)
    if is_done(folder):
        return
    _refuse_unfinished_parents(run)
    with suppress(AlreadyDone), settling(folder, lambda: is_done(folder)) as found:
        refuse_without_gpus()
        from dreamtext import devices

        found |= {"computing": devices.describe(), "job": provenance.job()}
        sample_stage(run, should_stop, share, partial(_log_images, folder / LOG))


def _log_images(log: Path, painted: int) -> None:
    """A share's line for `study status`, and for the launcher to see that it gets on."""
    refuse_if_overtaken()
    with log.open("a") as file:
        file.write(json.dumps({"step": painted, "time": time.time()}) + "\n")


def sample_stage(
    run: Run,
    should_stop: ShouldStop,
    share: "Share | None" = None,
    tell: Callable[[int], None] = lambda painted: None,
) -> None:
    """Paint the samples of a run's manifest, by the model it comes after or by another system.

    Args:
        share: what this process paints; by default its own of the job's tasks.
        tell: told how many samples of the share are painted.

    Raises:
        RunError: the data set changed since the run was planned.
    """
    from benchmarks.samples.painting import Share, paint
    from benchmarks.study.identities import manifest_of

    config = config_of(run)
    manifest = manifest_of(config, from_dict(Benchmark, run.settings["benchmark"]))
    if manifest.hash != run.identity["manifest"]:
        raise RunError(
            f"the manifest of {run.name} is now {manifest.hash}, it was planned with "
            f"{run.identity['manifest']}: the data set changed since; plan the study again"
        )
    share = share or Share(number=ranks.rank(), of=ranks.size(), finishes=leads())
    if share.finishes:
        write_json(run.folder / MANIFEST, {**to_dict(manifest), "hash": manifest.hash})
        if done := [json.loads((s / DONE).read_text()) for s in shards(run.folder) if is_done(s)]:
            provenance.record(run, shards=done)
    dataset = open_samples(config.data, manifest)
    painter = _painter(run, config, record=share.finishes)
    paint(painter, manifest, dataset, run.folder, should_stop, share, tell)


def _painter(run: Run, config: Config, record: bool) -> "Painter":
    from benchmarks.samples.painting import ModelPainter, SystemPainter

    if trained := run.parent_runs().get("train"):
        from dreamtext.weights.checkpoints import load_model

        levels = config.sampling.attention_timesteps
        return ModelPainter(load_model(trained.model), config.sampling, levels)
    from baselines.catalogue import configured
    from baselines.evidence import on_disk

    system = configured(run.settings["system"], run.settings["system_overrides"])
    if record:
        provenance.record(run, system=on_disk(system))
    return SystemPainter(system, run.settings["seed"])


def score_stage(run: Run, should_stop: ShouldStop) -> None:
    """Score what the run before it painted: `SCORES`, a row a metric, and `PER_IMAGE`.

    Raises:
        RunError: a weight file is another than the run was planned with.
    """
    import pandas as pd

    from benchmarks.metrics.options import GIVEN, Options
    from benchmarks.metrics.registry import score_samples

    options = Options.of(config_of(run))
    given = options.given()
    planned = {name: run.identity[name] for name in GIVEN if name in run.identity}
    _refuse_other_files(run, planned, given)
    provenance.record(run, scoring=run.settings["config"].get("scoring"), given=given)
    folder = run.parent_runs()["sample"].folder
    scores = score_samples(folder, options=options)
    columns = {s.metric: s.per_image for s in scores if s.per_image}
    write_text(run.folder / PER_IMAGE, pd.DataFrame(columns).rename_axis("id").to_csv())
    rows = [{k: v for k, v in asdict(s).items() if k != "per_image"} for s in scores]
    write_json(run.folder / SCORES, rows)


def _refuse_other_files(run: Run, planned: dict[str, str], given: dict[str, str]) -> None:
    for name in sorted(planned.keys() | given.keys()):
        if planned.get(name) != given.get(name):
            raise RunError(
                f"the {name} file of {run.name} is now {given.get(name)}, it was planned with "
                f"{planned.get(name)}: it has changed since; plan the {run.stage} stage again, "
                "which makes it another run"
            )


def main() -> None:
    """Run the stages of the named run folders, in order."""
    import argparse

    from benchmarks.cells.keeping import keep_all
    from slurm.stopping import StopFlag

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--shard", help="I/N: paint this share of a sampling, and no more")
    parser.add_argument("--keep", type=Path, help="folder where scored cells are kept")
    asked = parser.parse_args()
    with StopFlag() as stop:
        for folder in asked.folders:
            run = load(folder)
            if asked.shard:
                paint_shard(run, asked.shard, stop)
                continue
            execute(run, stop)
            if asked.keep and run.stage == "score":
                keep_all([run], asked.keep)


if __name__ == "__main__":
    main()
