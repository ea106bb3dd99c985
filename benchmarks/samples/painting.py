"""Painting a manifest into a folder: one loop, whoever paints.

What is finished is kept in parts of `CHUNK` entries, so that a killed run goes on from there; the
parts become the sample folder's files at the end (`benchmarks.samples.writer`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from benchmarks.runs.manifest import Entry, Manifest
from benchmarks.samples import writer
from benchmarks.samples.writer import Arrays, Chunk
from dreamtext.configs.sections import SamplingConfig
from dreamtext.errors import Interrupted

if TYPE_CHECKING:
    from baselines.system import System
    from dreamtext.data.sample import Dataset, Sample
    from dreamtext.networks.model import DreamText


class Painter(Protocol):
    """Whoever paints words into samples."""

    at_once: bool  # whether it is asked once, for everything that is missing

    def paint(
        self, samples: Sequence["Sample"], entries: Sequence[Entry], targets: Sequence["Sample"]
    ) -> Arrays:
        """What it made of each sample, stacked: `raw` (B, H, W, 3) uint8 at least.

        `targets`: the samples as they would truly be with the words of the entries; none where
        that is unknown. Never to be painted from.
        """
        ...


def paint(
    painter: Painter,
    manifest: Manifest,
    dataset: "Dataset",
    folder: Path,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Paint every entry of a manifest that `folder` lacks, and write the sample folder.

    Raises:
        Interrupted: asked to stop; finished parts are kept.
    """
    from tqdm import tqdm

    left = writer.missing(manifest, folder)
    groups = [left] if painter.at_once and left else [[chunk] for chunk in left]
    done = len(manifest.entries) - sum(len(chunk.entries) for chunk in left)
    with tqdm(total=len(manifest.entries), initial=done, desc="sampling", unit=" images") as bar:
        for group in groups:
            if should_stop():
                raise Interrupted("sampling stopped as asked; the same command goes on")
            _paint_group(painter, group, dataset, folder)
            bar.update(sum(len(chunk.entries) for chunk in group))
    writer.assemble(manifest, dataset, folder)


def _paint_group(
    painter: Painter, group: Sequence[Chunk], dataset: "Dataset", folder: Path
) -> None:
    entries = [entry for chunk in group for entry in chunk.entries]
    samples = [dataset[entry.index] for entry in entries]
    asked = [writer.target(dataset, e, s) for e, s in zip(entries, samples, strict=True)]
    targets = [t for t in asked if t is not None]
    arrays = painter.paint(samples, entries, targets if len(targets) == len(asked) else ())
    region = np.stack([s.region for s in samples])[..., None]
    truth = np.stack([s.image for s in samples])
    composited = np.where(region, arrays["raw"], truth)
    arrays = {"composited": composited, **arrays}  # a model composites before it rounds
    begin = 0
    for chunk in group:
        part = slice(begin, begin := begin + len(chunk.entries))
        writer.write_part(folder, chunk, {name: array[part] for name, array in arrays.items()})


class ModelPainter:
    """Our model; it also tells where it looked on the true picture of the word, where known.

    Args:
        sampling: solver, steps and guidance, which a trained model does not decide.
        attention_levels: noise levels t' of the saved attention; none where () is given.
    """

    at_once = False

    def __init__(
        self, model: "DreamText", sampling: SamplingConfig, attention_levels: Sequence[float] = ()
    ) -> None:
        self.model, self.sampling, self.levels = model, sampling, attention_levels

    def paint(
        self, samples: Sequence["Sample"], entries: Sequence[Entry], targets: Sequence["Sample"]
    ) -> Arrays:
        from dreamtext.data.sample import collate
        from dreamtext.sampling.solve import attention_at, composite, noise_for, repaint

        config = self.model.config
        asked = [s.with_word(e.word) for s, e in zip(samples, entries, strict=True)]
        crop = (config.model.glyph.height, config.model.glyph.width)
        batch = collate(asked, max_length=config.data.max_length, crop_size=crop)
        noise = noise_for(config, [entry.noise_seed for entry in entries])
        raw = repaint(self.model, batch, noise, self.sampling)
        arrays = {"raw": pixels(raw), "composited": pixels(composite(raw, batch))}
        if not targets:
            return arrays
        true = collate(targets, max_length=config.data.max_length, crop_size=crop)
        for level in self.levels:
            for layer, maps in attention_at(self.model, true, noise, level).items():
                kept = maps[:, : config.data.max_length].half().cpu().numpy()
                arrays[writer.part_name(level, layer)] = kept
        return arrays


class SystemPainter:
    """A system that is not ours; every answer's status, reason and seconds are kept.

    Args:
        seed: of the study; seed 0 takes the manifest's own noise, the others their own.
    """

    def __init__(self, system: "System", seed: int) -> None:
        self.system, self.seed = system, seed
        self.at_once = not system.capabilities.batch_size

    def paint(
        self, samples: Sequence["Sample"], entries: Sequence[Entry], targets: Sequence["Sample"]
    ) -> Arrays:
        from baselines.request import Request
        from baselines.system import ask

        answers = ask(
            self.system,
            [
                Request.of(sample, entry.word, noise_seed(entry.noise_seed, self.seed))
                for sample, entry in zip(samples, entries, strict=True)
            ],
        )
        return {
            "raw": np.stack([answer.image for answer in answers if answer.image is not None]),
            "status": np.array([answer.status for answer in answers]),
            "reason": np.array([answer.reason for answer in answers]),
            "seconds": np.array([answer.seconds for answer in answers]),
        }


def noise_seed(of_entry: int, of_run: int) -> int:
    """The manifest's own for the first seed of a study, another for each of the rest."""
    if of_run == 0:
        return of_entry
    return int(np.random.default_rng([of_entry, of_run]).integers(2**31))


def pixels(images: Any) -> np.ndarray:
    """(B, 3, H, W) tensor in [-1, 1] -> (B, H, W, 3) uint8."""
    array = images.permute(0, 2, 3, 1).cpu().numpy()
    return ((array + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
