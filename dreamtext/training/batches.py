"""What each step learns from: which samples, and the random numbers, by step alone."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from dreamtext.configs.sections import Config
from dreamtext.data.sample import Dataset, HostBatch, Sample, stack
from dreamtext.networks.autoencoder import latent_shape
from dreamtext.networks.diffusion import Draw


def draw_step(config: Config, step: int, rank: int = 0, ranks: int = 1) -> Draw:
    """The random part of batch `step` for one process; all processes share one global draw."""
    size, latent = config.training.batch_size, latent_shape(config)
    generator = torch.Generator().manual_seed(step_seed(config.seed, step))
    draw = Draw(
        timesteps=torch.randint(config.diffusion.timesteps, (size,), generator=generator),
        noise=torch.randn(size, *latent, generator=generator),
        dropped=torch.rand(size, generator=generator) < config.training.text_dropout,
        latent_noise=(
            torch.randn(size, 2, *latent, generator=generator)
            if config.model.autoencoder.posterior == "sample"
            else None
        ),
    )
    return draw.part(slice(rank * size // ranks, (rank + 1) * size // ranks))


def step_seed(*parts: int) -> int:
    """A seed that belongs to these numbers alone, such as a run's seed and a step."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def collator(config: Config) -> Callable[[Sequence[Sample]], HostBatch]:
    """Makes a configuration's batches of samples."""
    glyph = config.model.glyph
    return partial(
        stack,
        max_length=config.data.max_length,
        crop_size=(glyph.height, glyph.width),
        crop=glyph.crop,
    )


class StepOrder:
    """Batch sampler: the indices of every step from `start` on, each epoch in its own order."""

    def __init__(self, config: Config, dataset: Dataset, start: int, rank: int, ranks: int) -> None:
        self.batch, self.size, self.seed = config.training.batch_size, len(dataset), config.seed
        self.order = dataset.order
        self.start = start * config.training.accumulate
        self.stop = config.training.steps * config.training.accumulate
        self.share = slice(rank * self.batch // ranks, (rank + 1) * self.batch // ranks)

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[int]]:
        epoch, order = -1, np.empty(0, int)
        for step in range(self.start, self.stop):
            chosen = []
            for place in range(step * self.batch, (step + 1) * self.batch):
                if place // self.size != epoch:
                    epoch = place // self.size
                    order = self.order(self.seed, epoch)
                chosen.append(int(order[place % self.size]))
            yield chosen[self.share]
