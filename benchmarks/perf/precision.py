"""What a precision costs on this CPU: a training step in float32, and in bfloat16 with
self-attention in either.

    python -m benchmarks.perf.precision [--preset tiny] [--rounds 8]

The same step on the same batch, in turn, with forward, backward and the optimisers. Prints the
medians in CPU seconds, and what the CPU can do. Without units for bfloat16 it is emulated: where
this shows it slower, train with `training.mixed_precision='no'`, which makes other runs.
`ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2` before the command shows it on any CPU.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from accelerate import Accelerator

from benchmarks.perf.cost import device
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.data import open_dataset
from dreamtext.data.sample import Batch
from dreamtext.objective.schedule import weights_at
from dreamtext.training.batches import collator, draw_step
from dreamtext.training.loop import Trainer

_WAYS = {
    "float32": ("training.mixed_precision='no'", "training.self_attention=mixed"),
    "bfloat16": ("training.mixed_precision=bf16", "training.self_attention=mixed"),
    "bfloat16, self-attention in float32": (
        "training.mixed_precision=bf16",
        "training.self_attention=full",
    ),
}


def trainer_of(name: str, overrides: tuple[str, ...]) -> Trainer:
    """A model to train in a precision, from its own start."""
    config = override(preset(name), ["objective.supervision.mode=full", *overrides])
    # One `Accelerator` a process can have one precision: autocast is switched by hand below.
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, Path(folder), Accelerator(cpu=True))
    trainer.model.train()
    return trainer


def step(trainer: Trainer, batch: Batch, number: int) -> float:
    """CPU seconds of one step."""
    config = trainer.config
    draw, weights = draw_step(config, number), weights_at(config, number)
    mixed = config.training.mixed_precision == "bf16"
    began = time.thread_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        total = trainer.step(batch, draw, weights)["total"]
    total.backward()
    for optimizer in trainer.optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return time.thread_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--rounds", type=int, default=8)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    trainers = {way: trainer_of(asked.preset, texts) for way, texts in _WAYS.items()}
    config = next(iter(trainers.values())).config
    dataset = open_dataset(config.data, "validation")
    samples = [dataset[i] for i in range(config.training.batch_size)]
    batch = collator(config)(samples).to("cpu")
    times: dict[str, list[float]] = {way: [] for way in trainers}
    for number in range(asked.rounds + 2):
        for way, trainer in trainers.items():
            times[way].append(step(trainer, batch, number))
    print(f"preset {asked.preset}, {asked.rounds} rounds, {device()}, {capability()}")
    for way, seconds in times.items():
        print(f"{statistics.median(seconds[2:]):.3f} CPU s a step in {way}")


def capability() -> str:
    """The vector instructions that torch and oneDNN use, and whether bfloat16 has its own."""
    own = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return f"{torch.backends.cpu.get_cpu_capability()}, bfloat16 units: {'yes' if own else 'no'}"


if __name__ == "__main__":
    main()
