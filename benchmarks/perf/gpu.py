"""What one types first on a machine with a GPU: a page of what a step, a picture and a sample cost.

    python -m benchmarks.perf.gpu [--presets tiny paper] [--rounds 10] [--out gpu.md]

Of each preset: a training step with all losses over a plain denoising step of the same networks
(no recorded attention, no masks, no terms but the squared error), pictures painted a second,
samples that a reader makes ready a second of processor time, peak memory. Weights are fresh and
pictures are noise: neither decides what anything costs. Without a GPU, `paper` is reduced to what
a processor can do, and times are those of one thread.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate.state import AcceleratorState
from torch import Tensor

from dreamtext import devices
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config
from dreamtext.data.sample import Batch, Sample
from dreamtext.files import write_text
from dreamtext.objective.schedule import weights_at
from dreamtext.sampling.solve import noise_for, repaint
from dreamtext.training import memory
from dreamtext.training.batches import Draw, collator, draw_step
from dreamtext.training.loop import Trainer, accelerate

REDUCED = (
    "data.height=128",
    "data.width=128",
    "masks.height=16",
    "masks.width=16",
    "masks.min_size=4",
    "model.unet.widths=[32,64,128,128]",
    "model.unet.heads=[1,2,4,4]",
    "model.text.width=128",
    "model.text.layers=2",
    "model.autoencoder.widths=[32,32,64,64]",
    "training.batch_size=2",
    "sampling.steps=4",
)


def noise_samples(config: Config, count: int) -> list[Sample]:
    """Samples of a configuration's size, of noise, with one word in the middle."""
    rng, (height, width) = np.random.default_rng(0), (config.data.height, config.data.width)
    x0, x1, y0, y1 = width // 4, 3 * width // 4, height // 4, 3 * height // 4
    characters = np.zeros((height, width), np.uint8)
    characters[y0:y1, x0:x1] = 1 + np.arange(x1 - x0) * 4 // (x1 - x0)
    return [
        Sample(
            id=str(number),
            image=rng.integers(0, 256, (height, width, 3), np.uint8),
            region=characters > 0,
            word="WORD",
            characters=characters,
            has_characters=True,
            quad=np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32),
        )
        for number in range(count)
    ]


def plain_loss(trainer: Trainer, batch: Batch, draw: Draw) -> Tensor:
    """The squared error of the same U-Net on the same noise, and nothing else."""
    step, model = trainer.step, trainer.model
    step = getattr(step, "module", step)
    condition = model.condition(batch)
    noisy = step.scheduler.add_noise(condition.latents, draw.noise, draw.timesteps)
    context = model.text_encoder(batch.tokens) * (~draw.dropped)[:, None, None]
    with trainer.accelerator.autocast():
        predicted = model.denoise(noisy, draw.timesteps, condition, context, batch.tokens)
    return (step.target(condition.latents, draw) - predicted.float()).square().mean()


def whole_loss(trainer: Trainer, batch: Batch, draw: Draw) -> Tensor:
    """The whole objective, supervision included."""
    weights = weights_at(trainer.config, 0)
    return trainer.step(batch, draw, weights)["total"]


def seconds(work: Callable[[], object]) -> float:
    """Of the clock on a GPU that has finished, of one thread's processor time on a CPU."""
    gpu = torch.cuda.is_available()
    clock = time.perf_counter if gpu else time.process_time
    if gpu:
        torch.cuda.synchronize()
    began = clock()
    work()
    if gpu:
        torch.cuda.synchronize()
    return clock() - began


def optimise(trainer: Trainer, loss: Callable[[], Tensor]) -> None:
    trainer.accelerator.backward(loss())
    for optimizer in trainer.optimizers:
        optimizer.step()
        optimizer.zero_grad()


def measure(config: Config, rounds: int) -> dict[str, float]:
    """Medians of a configuration; the first two rounds warm up."""
    size = config.training.batch_size
    host = collator(config)(noise_samples(config, size))
    AcceleratorState._reset_state(reset_partial_state=True)  # presets differ in precision
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, Path(folder), accelerate(config, Path(folder)))
    where = trainer.accelerator.device
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    trainer.model.train()
    whole, plain = [], []
    for number in range(rounds + 2):
        batch, draw = host.to(where), draw_step(config, number).to(where)
        losses = (
            partial(whole_loss, trainer, batch, draw),
            partial(plain_loss, trainer, batch, draw),
        )
        whole.append(seconds(partial(optimise, trainer, losses[0])))
        plain.append(seconds(partial(optimise, trainer, losses[1])))
    peak = torch.cuda.max_memory_allocated() if where.type == "cuda" else 0
    trainer.model.eval()
    noise = noise_for(config, range(size))
    painting = partial(repaint, trainer.model, host, noise, config.sampling)
    painted = [seconds(painting) for _ in range(max(2, rounds // 3) + 1)][1:]
    some = noise_samples(config, 16)
    reading = [seconds(partial(collator(config), some)) for _ in range(rounds + 1)][1:]
    ratios = [a / b for a, b in zip(whole[2:], plain[2:], strict=True)]
    planned = memory.plan(config)
    return {
        "batch": size,
        "step": statistics.median(whole[2:]),
        "plain": statistics.median(plain[2:]),
        "ratio": statistics.median(ratios),
        "pictures_per_s": size / statistics.median(painted),
        "stack_ms": 1000 * statistics.median(reading) / 16,
        "peak_gib": peak / memory.GIB,
        "planned_gib": planned.total / memory.GIB,
        "tflops": planned.operations / statistics.median(whole[2:]) / 1e12,
    }


def product_tflops(side: int = 1024) -> float:
    """The rate of a matrix product in float32, of 2 side^3 operations: what can be reached here."""
    matrix = torch.randn(side, side, device=devices.device())
    taken = [seconds(lambda: matrix @ matrix) for _ in range(8)]
    return 2 * side**3 / statistics.median(taken[2:]) / 1e12


def page(rows: dict[str, dict[str, float]]) -> str:
    """The measurements as a page of Markdown."""
    computing = devices.describe()
    named = ", ".join(f"{k} {v}" for k, v in computing.items() if k != "device")
    clock = "s" if computing["device"] != "cpu" else "CPU s"
    lines = [
        f"# {computing['device']}: {named}, torch {torch.__version__}",
        "",
        f"| | batch | step, {clock} | plain step, {clock} | ratio | pictures / {clock} | "
        "stacking a sample, ms | peak, GiB | planned, GiB | TFLOP/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        peak = f"{row['peak_gib']:.2f}" if row["peak_gib"] else "-"
        lines.append(
            f"| {name} | {row['batch']} | {row['step']:.3f} | {row['plain']:.3f} | "
            f"{row['ratio']:.3f} | {row['pictures_per_s']:.2f} | {row['stack_ms']:.2f} | {peak} | "
            f"{row['planned_gib']:.2f} | {row['tflops']:.3f} |"
        )
    reached = product_tflops()
    shares = ", ".join(f"{name} {row['tflops'] / reached:.2f}" for name, row in rows.items())
    lines += [
        "",
        f"A product of two 1,024 x 1,024 matrices in float32 runs at {reached:.3f} TFLOP/s. A "
        f"step's operations, as `study plan --tflops` counts them, reach of that rate: {shares}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=["tiny", "paper"])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="write the page there too")
    asked = parser.parse_args()
    gpu = devices.device().type != "cpu"
    if not gpu:
        torch.set_num_threads(1)
    rows = {}
    for name in asked.presets:
        reduced = REDUCED if name == "paper" and not gpu else ()
        full = "objective.supervision.mode=full"
        config = override(preset(name), [*reduced, full, *asked.set])
        print(f"measuring {name}", file=sys.stderr, flush=True)
        rows[f"{name}, reduced" if reduced else name] = measure(config, asked.rounds)
        if asked.out:
            write_text(asked.out, page(rows))  # what was measured outlasts a preset that fails
    print(page(rows))


if __name__ == "__main__":
    main()
