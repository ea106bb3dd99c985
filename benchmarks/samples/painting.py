"""Painting a manifest into a folder: one loop, whoever paints.

What is finished is kept in parts of `CHUNK` entries, so that a killed run goes on from there; the
parts become the sample folder's files at the end (`benchmarks.samples.writer`). Several processes
may paint the parts of one folder, each its share; a part has the same bits whoever painted it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from benchmarks.runs.manifest import Entry, Manifest
from benchmarks.samples import writer
from benchmarks.samples.writer import Arrays, Chunk
from dreamtext.configs.sections import SamplingConfig
from dreamtext.errors import Interrupted, UserError

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.system import System
    from dreamtext.data.sample import Dataset, Sample
    from dreamtext.networks.model import DreamText


@dataclass(frozen=True, kw_only=True)
class Share:
    """Of `of` processes that paint one manifest, the one of that number: chunk i is painted by
    number i modulo `of`.

    Attributes:
        finishes: whether it goes on with what others have left, and writes the folder's files.
    """

    number: int = 0
    of: int = 1
    finishes: bool = True

    @classmethod
    def parse(cls, text: str) -> "Share":
        """From "I/N", counted from 0; the folder is left to be finished.

        Raises:
            UserError: no such share.
        """
        number, _, of = text.partition("/")
        if not (number.isdigit() and of.isdigit() and int(number) < int(of)):
            raise UserError(
                f"--shard {text} must be I/N, I from 0 to N - 1, such as 0/4; of a SLURM array "
                "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
            )
        return cls(number=int(number), of=int(of), finishes=False)

    def painted(self, manifest: Manifest, folder: Path) -> int:
        """How many entries of its own chunks are painted."""
        own = [chunk for chunk in writer.chunks(manifest) if chunk.number % self.of == self.number]
        return sum(len(chunk.entries) for chunk in own if chunk.path(folder).exists())

    def order(self, left: Sequence[Chunk]) -> list[Chunk]:
        """Its own chunks; whoever finishes then takes the others' from the end, where they are
        the last to come."""
        own = [chunk for chunk in left if chunk.number % self.of == self.number]
        others = [chunk for chunk in left if chunk.number % self.of != self.number]
        return own + (others[::-1] if self.finishes else [])


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
    share: Share | None = None,
    tell: Callable[[int], None] = lambda painted: None,
) -> None:
    """Paint every entry of a manifest that `folder` lacks, and write the sample folder.

    Args:
        share: what this process paints of it, if there are several. Whoever is asked once for
            everything (`at_once`) cannot be shared: the one that finishes does all.
        tell: told, before and after every part, how many entries of its share are painted.

    Raises:
        Interrupted: asked to stop; finished parts are kept.
        UserError: the folder has a part of another manifest, or a damaged one.
    """
    from tqdm import tqdm

    share = share or Share()
    writer.refuse_foreign(manifest, folder)
    left = share.order(writer.missing(manifest, folder))
    groups = [[chunk] for chunk in left]
    if painter.at_once:
        groups = [sorted(left, key=lambda chunk: chunk.number)] if left and share.finishes else []
    done = len(manifest.entries) - sum(len(chunk.entries) for chunk in left)
    tell(share.painted(manifest, folder))
    with tqdm(total=len(manifest.entries), initial=done, desc="sampling", unit=" images") as bar:
        for group in groups:
            if should_stop():
                raise Interrupted("sampling stopped as asked; the same command goes on")
            wanted = {chunk.number for chunk in writer.missing(manifest, folder)}
            if wanted & {chunk.number for chunk in group}:  # else another has been faster
                _paint_group(painter, manifest, group, dataset, folder)
            tell(share.painted(manifest, folder))
            bar.update(sum(len(chunk.entries) for chunk in group))
    if share.finishes:
        writer.assemble(manifest, dataset, folder)


def _paint_group(
    painter: Painter,
    manifest: Manifest,
    group: Sequence[Chunk],
    dataset: "Dataset",
    folder: Path,
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
        made = {name: array[part] for name, array in arrays.items()}
        writer.write_part(folder, manifest, chunk, made)


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
        asked = [s.with_word(e.word) for s, e in zip(samples, entries, strict=True)]
        size = self.sampling.batch_size
        parts = [
            self._paint(asked[i : i + size], entries[i : i + size], targets[i : i + size])
            for i in range(0, len(asked), size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _paint(
        self, samples: Sequence["Sample"], entries: Sequence[Entry], targets: Sequence["Sample"]
    ) -> Arrays:
        from dreamtext import devices
        from dreamtext.sampling.solve import attention_at, composite, noise_for, repaint
        from dreamtext.training.batches import collator

        config = self.model.config
        stack, length = collator(config), config.data.max_length
        batch = stack(samples)
        noise = noise_for(config, [entry.noise_seed for entry in entries])
        raw = repaint(self.model, batch, noise, self.sampling)
        there = {"raw": pixels(raw), "composited": pixels(composite(raw, batch))}
        if targets:
            true = stack(targets)
            for level in self.levels:
                for layer, maps in attention_at(self.model, true, noise, level).items():
                    there[writer.part_name(level, layer)] = maps[:, :length].half()
        # The host waits here alone: until then it has only told the device what to do.
        return {name: devices.fetched(values).numpy() for name, values in there.items()}


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


def pixels(images: "Tensor") -> "Tensor":
    """(B, 3, H, W) in [-1, 1] -> (B, H, W, 3) uint8, on the same device."""
    return ((images + 1) * 127.5).round().clip(0, 255).byte().permute(0, 2, 3, 1).contiguous()
