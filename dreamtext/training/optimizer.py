"""The optimisers: AdamW, and Muon for hidden matrices; the learning rate's schedule."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dreamtext.configs.sections import TrainingConfig


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Jordan et al. 2024), for matrices and for convolutions as such.

    `torch.optim.Muon` takes 2-D parameters only and iterates in bfloat16, which is many times
    slower than float32 on a CPU; here equal shapes are iterated together, in float32.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(momentum, group["momentum"]).flatten(1)
                by_shape[tuple(update.shape)].append((parameter, update))
            for (rows, columns), pairs in by_shape.items():
                scale = group["lr"] * math.sqrt(max(1.0, rows / columns))
                updates = orthogonalise(torch.stack([update for _, update in pairs]))
                for (parameter, _), update in zip(pairs, updates, strict=True):
                    parameter.sub_(update.view_as(parameter), alpha=scale)


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """(N, m, n) -> nearly orthogonal ones by the quintic Newton-Schulz iteration of Muon.

    Each iteration is `X <- P X` with `P = a I + b G + c G^2`, `G = X X^T`. All `P` and `G` are
    polynomials of the first `G` and commute, so the iteration runs on the small square matrices
    alone and the large ones are multiplied twice, not ten times.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    wide = x.shape[1] <= x.shape[2]
    gram = x @ x.mT if wide else x.mT @ x
    unit = torch.eye(gram.shape[1], device=x.device)
    product = unit
    for _ in range(iterations):
        factor = a * unit + b * gram + c * gram @ gram
        product = factor @ product
        gram = factor @ factor @ gram
    return product @ x if wide else x @ product


# Parts whose matrices face inputs, outputs or single numbers: Muon is not for them.
_OUTER = ("conv_in", "conv_out", "time_embedding", "embedding", "heads.")


def build(model: nn.Module, config: TrainingConfig) -> list[torch.optim.Optimizer]:
    """One or two optimisers over the parameters that are trained."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    hidden = [
        n
        for n, p in named
        if config.optimizer == "muon" and p.ndim >= 2 and not any(o in n for o in _OUTER)
    ]
    rest = [p for n, p in named if n not in set(hidden)]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=config.lr, weight_decay=config.weight_decay)
    ]
    if hidden:
        chosen = set(hidden)
        optimizers.append(Muon([p for n, p in named if n in chosen], lr=config.muon_lr))
    return optimizers


class _Together:
    """Several optimisers as one, to a gradient scaler: what overflows in one is left out of all."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for each in self.optimizers for group in each.param_groups]

    def step(self) -> None:
        for each in self.optimizers:
            each.step()


def step(
    optimizers: Sequence[torch.optim.Optimizer],
    trained: Iterable[Tensor],
    config: TrainingConfig,
    scaler: torch.amp.GradScaler | None = None,
) -> None:
    """Clip the gradients' common norm, step, and forget the gradients.

    Args:
        scaler: what the loss was scaled with, in fp16. Gradients are unscaled before they are
            clipped; if one of them is no number, no optimiser steps and the scale is halved.
    """
    together: Any = _Together(optimizers)
    if scaler is not None:
        scaler.unscale_(together)
    if config.clip_norm:
        nn.utils.clip_grad_norm_(trained, config.clip_norm)
    if scaler is None:
        together.step()
    else:
        scaler.step(together)
        scaler.update()
    for each in optimizers:
        each.zero_grad()


def rate(step: int, config: TrainingConfig, steps_per_epoch: int) -> float:
    """What the learning rates are multiplied with at a step, 0 to 1."""
    warm = min(1.0, (step + 1) / max(1, config.lr_warmup))
    if config.lr_schedule == "cosine":
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / config.steps)))
    if config.lr_schedule == "epoch_decay":
        return warm * config.lr_epoch_decay ** (step // max(1, steps_per_epoch))
    return warm
