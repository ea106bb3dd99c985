"""Times masks and attention loss, forward and backward, at the released sizes.

    python -m benchmarks.perf.objective
    python -m benchmarks.perf.objective --other my_module:my_loss

Another implementation is timed in turns with ours, in the same process on the same tensors: a
function of (probabilities, tokens) that returns a scalar with a gradient, where `probabilities`
maps a layer's name to (B, heads, pixels, 12) and `tokens` is (B, 12). It is also told how far its
loss is from ours.
"""

import argparse
import importlib
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from dreamtext.configs.sections import MaskConfig
from dreamtext.objective import losses, masks

Loss = Callable[[dict[str, Tensor], Tensor], Tensor]

# (heads, side) of the cross-attention layers at 512 x 512 that are 16 x 16 or larger.
LAYERS = [(5, 64)] * 2 + [(10, 32)] * 2 + [(20, 16)] * 2
LAYERS += [(20, 16)] * 3 + [(10, 32)] * 3 + [(5, 64)] * 3
TOKENS = 12


def ours(probabilities: dict[str, Tensor], tokens: Tensor, config: MaskConfig, form: str) -> Tensor:
    """Mean over heads, A_bar, masks and L_attn, as a training step computes them."""
    maps = {}
    for name, values in probabilities.items():
        side = round(values.shape[2] ** 0.5)
        maps[name] = values.mean(dim=1).transpose(1, 2).unflatten(2, (side, side))
    average = masks.average_attention(maps, config)
    found = masks.latent_character_masks(average, tokens, config)
    rows, letters = masks.word_rows(average, tokens), tokens != 0
    if form == "l2":
        return losses.attention_l2(rows, found, letters)
    return losses.attention_max(rows, found, letters)


def inputs(batch: int, layers: int, device: str) -> tuple[dict[str, Tensor], Tensor]:
    """Random probabilities per layer, and words of 4 to 11 characters."""
    generator = torch.Generator().manual_seed(0)
    probabilities = {}
    for number, (heads, side) in enumerate(LAYERS[:layers]):
        scores = torch.randn(batch, heads, side * side, TOKENS, generator=generator)
        probabilities[f"layer {number}"] = scores.softmax(-1).to(device).requires_grad_()
    tokens = torch.zeros(batch, TOKENS, dtype=torch.long)
    for row in range(batch):
        tokens[row, : 4 + row % 8] = 40
    return probabilities, tokens.to(device)


def once(loss: Loss, probabilities: dict[str, Tensor], tokens: Tensor) -> tuple[float, float]:
    """Seconds of a forward and backward pass, and the loss."""
    for values in probabilities.values():
        values.grad = None
    wait = torch.cuda.synchronize if tokens.is_cuda else lambda: None
    wait()
    began = time.perf_counter()
    value = loss(probabilities, tokens)
    value.backward()
    wait()
    return time.perf_counter() - began, value.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--form", choices=("l2", "max"), default="max")
    parser.add_argument("--other", help="module:function, timed in turns with ours")
    chosen = parser.parse_args()
    config = MaskConfig(height=64, width=64, min_size=16, resize="nearest", border="zero")
    timed: dict[str, Loss] = {"ours": partial(ours, config=config, form=chosen.form)}
    if chosen.other:
        module, _, name = chosen.other.partition(":")
        timed[chosen.other] = getattr(importlib.import_module(module), name)
    probabilities, tokens = inputs(chosen.batch, len(LAYERS), chosen.device)
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    values = {}
    for _ in range(chosen.repeats + 1):  # the first of each is for warming up
        for name, loss in timed.items():
            spent, values[name] = once(loss, probabilities, tokens)
            seconds[name].append(spent)
    print(
        f"batch {chosen.batch}, {len(LAYERS)} layers, {TOKENS} tokens, {chosen.form}, "
        f"{torch.get_num_threads()} threads, {chosen.device}"
    )
    base = statistics.median(seconds["ours"][1:])
    for name, spent in seconds.items():
        median = statistics.median(spent[1:])
        print(
            f"{name}: {1000 * median:.1f} ms, {1000 * median / len(LAYERS):.2f} ms a layer, "
            f"{median / base:.2f} x ours, fastest {1000 * min(spent[1:]):.1f} ms, "
            f"loss {values[name]:.6f} ({values[name] - values['ours']:+.1e})"
        )


if __name__ == "__main__":
    main()
