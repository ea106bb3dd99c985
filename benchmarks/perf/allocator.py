"""What the allocator's settings that local workers run with are worth: a training step without
them over one with them.

    python -m benchmarks.perf.allocator [--preset tiny] [--rounds 6] [--steps 8]

They are read when a process starts, so each round is two processes in turn, each doing the same
steps. Prints the medians in CPU seconds, system time included, and their ratio.
"""

import argparse
import os
import statistics
import subprocess
import sys

from benchmarks.launch.local import ALLOCATOR

_STEPS = """
import sys, tempfile, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from accelerate import Accelerator
from dreamtext.training.batches import draw_step
from dreamtext.data import open_dataset
from dreamtext.data.sample import collate
from dreamtext.configs.presets import preset
from dreamtext.training.loop import Trainer
config, steps = preset(sys.argv[1]), int(sys.argv[2])
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(config, Path(folder), Accelerator(cpu=True))
trainer.model.train()
dataset = open_dataset(config.data, "validation")
batch = collate([dataset[i] for i in range(config.training.batch_size)])
times = []
for number in range(steps + 2):
    began = time.process_time()
    trainer.optimise(iter([batch]), number, 1.0)
    times.append(time.process_time() - began)
print(sorted(times[2:])[steps // 2])
"""


def step_seconds(preset: str, steps: int, environment: dict[str, str]) -> float:
    """CPU seconds of a training step, in a process of its own: the median of some."""
    asked = [sys.executable, "-c", _STEPS, preset, str(steps)]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=8)
    chosen = parser.parse_args()
    plain = {k: v for k, v in os.environ.items() if k not in ALLOCATOR}
    without, beside = [], []
    for _ in range(chosen.rounds):
        without.append(step_seconds(chosen.preset, chosen.steps, plain))
        beside.append(step_seconds(chosen.preset, chosen.steps, plain | ALLOCATOR))
    ratios = sorted(a / b for a, b in zip(without, beside, strict=True))
    print(f"preset {chosen.preset}, {chosen.rounds} rounds of {chosen.steps} steps, one thread")
    print(f"as the system has it {statistics.median(without):.3f} CPU s a step (median)")
    print(f"with the settings    {statistics.median(beside):.3f} CPU s a step (median)")
    print(
        f"ratio                {statistics.median(ratios):.3f} ({ratios[0]:.3f}-{ratios[-1]:.3f})"
    )


if __name__ == "__main__":
    main()
