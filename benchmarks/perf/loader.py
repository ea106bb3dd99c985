"""What a sample costs the host on its way to the device: as bytes, and as floats made on the host.

    python -m benchmarks.perf.loader [--pictures 8] [--samples 48]

Processor seconds of one thread for reading, stacking and copying (what pinned memory takes) a
sample of 512 x 512, in turn, in one run: batches travel as bytes and become floats on the device;
before, the host made the floats. Prints milliseconds a sample and the ratio. The code that was
published with DreamText needed 10.5 ms a sample, measured once on another machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.perf.cost import device
from benchmarks.perf.data import make_sets, opened
from dreamtext.configs.presets import preset
from dreamtext.training.batches import collator

BATCH = 8


def milliseconds(work: Callable[[Any], Any], given: Any) -> tuple[Any, float]:
    """What comes of a batch, and its processor milliseconds a sample."""
    start = time.process_time()
    made = work(given)
    return made, 1000 * (time.process_time() - start) / BATCH


def copied(batch: Any) -> list[torch.Tensor]:
    """The tensors of a batch, each copied once."""
    return [values.clone() for values in vars(batch).values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--samples", type=int, default=48)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    stack = collator(preset("paper"))
    parts: dict[str, list[float]] = {name: [] for name in ("read", "bytes", "floats")}
    with tempfile.TemporaryDirectory() as name:
        make_sets(Path(name), asked.pictures)
        dataset = opened("laion_ocr", Path(name) / "laion_ocr", "512 x 512")
        for first in range(0, asked.samples, BATCH):
            chosen = [(first + k) % len(dataset) for k in range(BATCH)]
            samples, cost = milliseconds(lambda some: [dataset[i] for i in some], chosen)
            parts["read"].append(cost)
            parts["bytes"].append(milliseconds(lambda some: copied(stack(some)), samples)[1])
            parts["floats"].append(milliseconds(lambda s: copied(stack(s).to("cpu")), samples)[1])
    read, small, large = (statistics.median(values[1:]) for values in parts.values())
    print(f"512 x 512, medians of {asked.samples // BATCH - 1} batches of {BATCH}, {device()}")
    print("| | read, ms | stack and copy, ms | in all, CPU ms a sample |\n|---|---|---|---|")
    for name, cost in (("bytes", small), ("floats on the host", large)):
        print(f"| {name} | {read:.2f} | {cost:.2f} | {read + cost:.2f} |")
    print(f"\nfloats / bytes: {(read + large) / (read + small):.2f}")


if __name__ == "__main__":
    main()
