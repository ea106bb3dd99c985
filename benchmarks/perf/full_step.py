"""One real training step at full size, from random weights: time and peak memory of each part.

    python -m benchmarks.perf.full_step

The paper's model at 512 x 512 with the released trainable scope, batch 1, gradient checkpointing:
latents, U-Net with recorded attention, masks, losses, backward, AdamW. Needs about 8 GiB. With
`--preset smoke` the same in seconds. The prediction of `dreamtext plan-memory` is printed beside.
"""

import argparse
import resource
import time

import torch

from dreamtext.configs.paper import released
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config
from dreamtext.data.sample import Batch
from dreamtext.networks.model import DreamText
from dreamtext.objective.schedule import weights_at
from dreamtext.objective.step import TrainingStep
from dreamtext.training import batches, memory, optimizer
from dreamtext.training.loop import select_trainable


def peak() -> float:
    """GiB this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Report:
    """Prints what each part took."""

    def __init__(self) -> None:
        self.began = time.perf_counter()

    def __call__(self, part: str, found: str = "") -> None:
        now = time.perf_counter()
        print(
            f"{part:12s} {now - self.began:8.1f} s   peak {peak():6.2f} GiB   {found}", flush=True
        )
        self.began = now


def batch_of(config: Config) -> Batch:
    """Noise, with a six-letter word in the middle and its characters' boxes."""
    count, height, width = config.training.batch_size, config.data.height, config.data.width
    generator = torch.Generator().manual_seed(0)
    letters = min(6, config.data.max_length)
    region = torch.zeros(count, 1, height, width)
    region[..., height // 4 : -height // 4, width // 8 : -width // 8] = 1
    characters = torch.zeros(count, height, width, dtype=torch.uint8)
    step = width * 3 // 4 // letters
    for place in range(letters):
        left = width // 8 + place * step
        characters[:, height // 3 : -height // 3, left : left + step * 3 // 4] = place + 1
    tokens = torch.zeros(count, config.data.max_length, dtype=torch.long)
    tokens[:, :letters] = torch.arange(40, 40 + letters)
    glyph = config.model.glyph
    return Batch(
        image=torch.rand(count, 3, height, width, generator=generator) * 2 - 1,
        region=region,
        tokens=tokens,
        characters=characters,
        has_characters=torch.ones(count, dtype=torch.bool),
        crop=torch.rand(count, 1, glyph.height, glyph.width, generator=generator) * 2 - 1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="paper")
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_args()
    settings = ["training.batch_size=1", "training.gradient_checkpointing=true"]
    config = override(released(preset(chosen.preset)), [*settings, *chosen.overrides])
    report = Report()
    report("imports")
    planned = memory.plan(config)
    parts = {n: f"{c / 1e6:.1f} M" for n, c in planned.parameters.items()}
    report(
        "plan",
        f"predicted {planned.total / 2**30:.2f} GiB, of it activations "
        f"{planned.activations / 2**30:.2f} GiB; {parts}; trained {planned.trained / 1e6:.1f} M",
    )
    torch.manual_seed(0)
    model = DreamText(config)
    select_trainable(model)
    if config.training.gradient_checkpointing:
        model.unet.enable_gradient_checkpointing()
    step = TrainingStep(model.train())
    optimizers = optimizer.build(model, config.training)
    report("build")
    terms = step(batch_of(config), batches.draw_step(config, 0), weights_at(config, 0))
    report("forward", str({name: round(value.item(), 6) for name, value in terms.items()}))
    terms["total"].backward()
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    reached = sum(1 for p in trained.values() if p.grad is not None and p.grad.abs().sum() > 0)
    report("backward", f"{reached} of {len(trained)} trained tensors have a gradient")
    before = {n: p.detach().sum().item() for n, p in trained.items()}
    for each in optimizers:
        each.step()
    moved = sum(1 for n, p in trained.items() if p.detach().sum().item() != before[n])
    report("optimiser", f"{moved} of {len(trained)} trained tensors moved")


if __name__ == "__main__":
    main()
