"""A cell of a table: train -> sample -> score, each in its run folder, each resumable."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runs import folder as runs
from benchmarks.runs.folder import Run
from benchmarks.runs.manifest import Benchmark, Manifest
from dreamtext.configs.schema import from_dict
from dreamtext.configs.sections import Config
from dreamtext.errors import Interrupted, RunError

CHUNK = 32


def execute(run: Run, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Do a run's stage if it is not done; returns whether anything was done.

    Raises:
        RunError: a stage it reads is not done.
    """
    if run.state == "done":
        return False
    for stage, name in run.parents.items():
        if runs.state(run.root / name) != "done":
            raise RunError(
                f"{run.name} reads the {stage} stage {name}, which is not done; run that first"
            )
    work = {"train": _train, "sample": _sample, "score": _score}[run.stage]
    if run.stage != "train" and not runs.leads():
        return False  # only training is shared among a job's tasks
    try:
        with runs.working(run):
            work(run, should_stop)
    except runs.AlreadyDone:
        return False
    return True


def config_of(run: Run) -> Config:
    """The configuration a run was planned with."""
    return from_dict(Config, run.settings["config"])


def _train(run: Run, should_stop: Callable[[], bool]) -> None:
    from dreamtext.data import open_dataset
    from dreamtext.training.loop import train

    config = config_of(run)
    train(
        config,
        run.folder,
        open_dataset(config.data, "train"),
        open_dataset(config.data, "validation"),
        should_stop=should_stop,
    )


def _sample(run: Run, should_stop: Callable[[], bool]) -> None:
    from benchmarks.study.identities import manifest_of
    from dreamtext.data import open_dataset
    from dreamtext.weights.checkpoints import load_model

    config = config_of(run)
    benchmark = from_dict(Benchmark, run.settings["benchmark"])
    manifest = manifest_of(config, benchmark)
    if manifest.hash != run.identity["manifest"]:
        raise RunError(
            f"the manifest of {run.name} is now {manifest.hash}, it was planned with "
            f"{run.identity['manifest']}: the data set changed since; plan the study again"
        )
    runs.write_json(run.folder / "manifest.json", {**_plain(manifest), "hash": manifest.hash})
    dataset = open_dataset(config.data, manifest.split)
    if "train" not in run.parents:
        _ask_system(run, manifest, dataset, should_stop)
        return
    model = load_model(run.root / run.parents["train"] / "model")
    paint_manifest(model, config, manifest, dataset, run.folder, should_stop)


def _ask_system(
    run: Run, manifest: Manifest, dataset: Any, should_stop: Callable[[], bool]
) -> None:
    """As `paint_manifest`, by a system that is not ours; every answer's status is kept."""
    from baselines.catalogue import configured
    from baselines.evidence import on_disk
    from baselines.request import Request
    from baselines.system import ask

    system = configured(run.settings["system"], run.settings["system_overrides"])
    runs.record(run, system=on_disk(system))
    parts = run.folder / "parts"
    parts.mkdir(exist_ok=True)
    requests, sources = [], []
    for number, entries in _chunks(manifest):
        if not (parts / f"{number:05d}.npz").exists():
            here = [dataset[index] for index, _, _ in entries]
            sources.append((number, here))
            requests.append(
                [
                    Request.of(s, word, _noise_seed(noise, run.settings["seed"]))
                    for s, (_, word, noise) in zip(here, entries, strict=True)
                ]
            )
    if not system.capabilities.batch_size:  # it wants to be started once, for everything
        together = ask(system, [r for chunk in requests for r in chunk])
        answers = {a.id: a for a in together}
    for (number, here), chunk in zip(sources, requests, strict=True):
        if should_stop():
            raise Interrupted("sampling stopped as asked; the same command goes on")
        if system.capabilities.batch_size:
            answers = {a.id: a for a in ask(system, chunk)}
        given = [answers[r.id] for r in chunk]
        raw = np.stack([a.image for a in given])
        truth = np.stack([s.image for s in here])
        region = np.stack([s.region for s in here])[..., None]
        arrays = {
            "raw": raw,
            "composited": np.where(region, raw, truth),
            "truth": truth,
            "characters": np.stack([s.characters for s in here]),
            "has_characters": np.array([s.has_characters for s in here]),
            "status": np.array([a.status for a in given]),
            "reason": np.array([a.reason for a in given]),
            "seconds": np.array([a.seconds for a in given]),
        }
        path = parts / f"{number:05d}.npz"
        beside = path.with_suffix(".tmp.npz")
        np.savez(beside, **arrays)
        os.replace(beside, path)
    _assemble(manifest, dataset, run.folder)


def _noise_seed(of_entry: int, of_run: int) -> int:
    """The manifest's own for the first seed of a study, others for the rest."""
    if of_run == 0:
        return of_entry
    return int(np.random.default_rng([of_entry, of_run]).integers(2**31))


def _plain(manifest: Manifest) -> dict[str, Any]:
    return json.loads(json.dumps(vars(manifest)))


def _chunks(manifest: Manifest) -> Iterator[tuple[int, list[tuple[int, str, int]]]]:
    for number, start in enumerate(range(0, len(manifest.entries), CHUNK)):
        yield number, list(manifest.entries[start : start + CHUNK])


def paint_manifest(
    model: Any,
    config: Config,
    manifest: Manifest,
    dataset: Any,
    folder: Path,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Repaint every entry of a manifest into `folder`; a chunk that is there is not done again.

    Raises:
        Interrupted: asked to stop; finished chunks are kept.
    """
    from tqdm import tqdm

    from dreamtext.data.sample import collate
    from dreamtext.sampling.solve import attention_at, composite, noise_for, repaint

    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    crop = (config.model.glyph.height, config.model.glyph.width)
    with tqdm(total=len(manifest.entries), desc="sampling", unit=" images") as bar:
        for number, entries in _chunks(manifest):
            path = parts / f"{number:05d}.npz"
            if not path.exists():
                if should_stop():
                    raise Interrupted("sampling stopped as asked; the same command goes on")
                sources = [dataset[index] for index, _, _ in entries]
                targets = [s.with_word(w) for s, (_, w, _) in zip(sources, entries, strict=True)]
                batch = collate(targets, max_length=config.data.max_length, crop_size=crop)
                noise = noise_for(config, [seed for _, _, seed in entries])
                raw = repaint(model, batch, noise, config.sampling)
                arrays = {
                    "raw": _pixels(raw),
                    "composited": _pixels(composite(raw, batch)),
                    "truth": np.stack([s.image for s in sources]),
                    "characters": np.stack([s.characters for s in sources]),
                    "has_characters": np.array([s.has_characters for s in sources]),
                }
                if manifest.task == "reconstruction":
                    for level in config.sampling.attention_timesteps:
                        maps = attention_at(model, batch, noise, level)
                        for layer, values in maps.items():
                            kept = values[:, : config.data.max_length].half().numpy()
                            arrays[f"attention/{level:g}/{layer}"] = kept
                beside = path.with_suffix(".tmp.npz")
                np.savez(beside, **arrays)
                os.replace(beside, path)
            bar.update(len(entries))
    _assemble(manifest, dataset, folder)


def _pixels(images: Any) -> np.ndarray:
    """(B, 3, H, W) in [-1, 1] -> (B, H, W, 3) uint8."""
    array = images.permute(0, 2, 3, 1).cpu().numpy()
    return ((array + 1) * 127.5).round().clip(0, 255).astype(np.uint8)


_ANSWERED = ("status", "reason", "seconds")  # of systems that are not ours


def _assemble(manifest: Manifest, dataset: Any, folder: Path) -> None:
    """The sample folder's files from its parts: pictures, truth, attention, one line a sample."""
    import shutil

    from PIL import Image

    collected: dict[str, list[np.ndarray]] = {}
    lines = []
    for number, entries in _chunks(manifest):
        with np.load(folder / "parts" / f"{number:05d}.npz") as part:
            arrays = dict(part)
        for place, (index, word, seed) in enumerate(entries):
            sample = dataset[index]
            for kind in ("raw", "composited", "truth"):
                path = folder / kind / f"{sample.id}.png"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(arrays[kind][place]).save(path)
            ys, xs = np.nonzero(sample.region)
            lines.append(
                {
                    "id": sample.id,
                    "source_word": sample.word,
                    "word": word,
                    "box": [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1],
                    "quad": [[round(float(v), 3) for v in corner] for corner in sample.quad],
                    "noise_seed": seed,
                    **{k: arrays[k][place].item() for k in _ANSWERED if k in arrays},
                }
            )
        for name, array in arrays.items():
            if name not in ("raw", "composited", "truth", *_ANSWERED):
                collected.setdefault(name, []).append(array)
    joined = {name: np.concatenate(parts) for name, parts in collected.items()}
    np.savez_compressed(
        folder / "truth.npz",
        characters=joined.pop("characters"),
        has_characters=joined.pop("has_characters"),
    )
    if joined:
        attention = {k.removeprefix("attention/"): v for k, v in joined.items()}
        np.savez(folder / "attention.npz", **attention)
        layers = {k.split("/", 1)[1]: list(v.shape[2:]) for k, v in attention.items()}
        levels = sorted({float(k.split("/", 1)[0]) for k in attention})
        runs.write_json(folder / "attention.json", {"timesteps": levels, "layers": layers})
    beside = folder / "samples.jsonl.tmp"
    beside.write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.replace(beside, folder / "samples.jsonl")
    shutil.rmtree(folder / "parts")


def _score(run: Run, should_stop: Callable[[], bool]) -> None:
    from dataclasses import asdict

    import pandas as pd

    from benchmarks.metrics.options import Options
    from benchmarks.metrics.registry import score_samples
    from benchmarks.metrics.supported import supported_only

    options = Options.of(config_of(run))
    given = options.given()
    for name in ("judge", "inception", "alexnet"):
        if given.get(name) != run.identity.get(name):
            raise RunError(
                f"the {name} of {run.name} is now {given.get(name)}, it was planned with "
                f"{run.identity.get(name)}: its file has changed since; score again, which plans "
                "another run"
            )
    runs.record(run, scoring=run.settings["config"].get("scoring"), given=given)
    folder = run.root / run.parents["sample"]
    scores = score_samples(folder, options=options)
    columns = {s.metric: s.per_image for s in scores if s.per_image}
    pd.DataFrame(columns).rename_axis("id").to_csv(run.folder / "per_image.csv")
    scores += supported_only(folder, scores)
    rows = [{k: v for k, v in asdict(s).items() if k != "per_image"} for s in scores]
    runs.write_json(run.folder / "scores.json", rows)


def main(folders: list[str]) -> None:
    """Run the stages of the named run folders, in order."""
    from slurm.stopping import StopFlag

    with StopFlag() as stop:
        for folder in folders:
            execute(runs.load(Path(folder)), stop)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
