"""The moving average of the weights.

diffusers' `EMAModel` has the same warm-up, but counts its updates itself and throws the first one
away; here the decay is a function of the step alone, so a resumed run needs no counter beside its
checkpoint, and averages bear the parameters' names.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The exponential moving average of the trained parameters."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.live = {n: p for n, p in model.named_parameters() if p.requires_grad}
        # Without decay it would be a copy of the weights, as large as they are.
        self.shadow = {n: p.detach().clone() for n, p in self.live.items()} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Early on the decay is smaller, so that the start is soon forgotten."""
        if not self.decay:
            return
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.shadow.values()), list(self.live.values()), weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it, the model has the averaged weights."""
        if not self.decay:
            yield
            return
        kept = {n: p.detach().clone() for n, p in self.live.items()}
        self.copy(self.shadow)
        try:
            yield
        finally:
            self.copy(kept)

    @torch.no_grad()
    def copy(self, source: dict[str, Tensor]) -> None:
        for name, parameter in self.live.items():
            parameter.copy_(source[name])
