"""What DreamText's losses cost: a training step with all of them over a plain denoising step.

    python -m benchmarks.perf.step [--preset tiny] [--rounds 15]

Both steps train the same U-Net and text encoder on the same batch, in turn, with forward,
backward and the optimiser; the plain one has no recorded attention, no masks and no terms but the
squared error. Prints the medians in CPU seconds and their ratio.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.data import open_dataset
from dreamtext.data.sample import Batch, collate
from dreamtext.objective.schedule import Weights, weights_at
from dreamtext.training.batches import Draw, draw_step
from dreamtext.training.loop import Trainer


def plain_loss(trainer: Trainer, batch: Batch, draw: Draw) -> Tensor:
    """The squared error of the same U-Net on the same noise, and nothing else."""
    step, model = trainer.step, trainer.model
    condition = model.condition(batch)
    noisy = step.scheduler.add_noise(condition.latents, draw.noise, draw.timesteps)
    context = model.text_encoder(batch.tokens) * (~draw.dropped)[:, None, None]
    predicted = model.denoise(noisy, draw.timesteps, condition, context, batch.tokens)
    return (step.target(condition.latents, draw) - predicted).square().mean()


def whole_loss(trainer: Trainer, batch: Batch, draw: Draw, weights: Weights) -> Tensor:
    """The whole objective."""
    return trainer.step(batch, draw, weights)["total"]


def timed(trainer: Trainer, loss: Callable[[], Tensor]) -> float:
    """CPU seconds of forward, backward and the optimisers."""
    began = time.process_time()
    loss().backward()
    for optimizer in trainer.optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    config = override(preset(chosen.preset), ["objective.supervision.mode=full"])
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, Path(folder), Accelerator(cpu=True))
    trainer.model.train()
    dataset = open_dataset(config.data, "validation")
    size = config.training.batch_size
    batch = collate([dataset[i] for i in range(size)])
    full, plain, weights = [], [], weights_at(config, 0)
    for number in range(chosen.rounds + 2):
        draw = draw_step(config, number)
        full.append(timed(trainer, partial(whole_loss, trainer, batch, draw, weights)))
        plain.append(timed(trainer, partial(plain_loss, trainer, batch, draw)))
    full, plain = full[2:], plain[2:]  # the first rounds warm up
    ratios = sorted(a / b for a, b in zip(full, plain, strict=True))
    print(f"preset {chosen.preset}, batch {size}, {chosen.rounds} rounds, one thread")
    print(f"all losses      {statistics.median(full):.3f} CPU s a step (median)")
    print(f"plain denoising {statistics.median(plain):.3f} CPU s a step (median)")
    print(f"ratio           {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
