"""What UDiffText (arXiv 2312.04884) does while it samples: refine the latent, choose the noise.

Both go by one loss on the cross-attention: of a word's characters, the one that finds the least
attention anywhere in the region. Numbers and order of steps are the released code's
(sgm/modules/diffusionmodules/sampling.py and loss.py), there for one image at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from baselines.imported import Imported, ImportedSettings
from dreamtext.configs.schema import option

if TYPE_CHECKING:
    from torch import Tensor

    from dreamtext.data.sample import Batch
    from dreamtext.networks.attention import Maps
    from dreamtext.networks.model import Condition, DreamText

STRENGTH = 20.0  # of a refinement; it fades as the root of the share of steps to go
# At these steps a latent is refined again and again until its loss is so low.
INSISTED = dict(zip((5, 9, 13, 17, 21, 25), np.linspace(-0.5, -0.8, 6), strict=True))
AGAIN = 20
_OTHER_NOISES = 2  # the stream of random numbers, beside a sample's seed, of noises to choose from


@dataclass(frozen=True, kw_only=True)
class UDiffTextSettings(ImportedSettings):
    """Attributes:
    refinement: attention: before every step the latent follows the loss's gradient.
    noises: how many a sample chooses its noise from (as published: 10), by the loss after two
        steps; 1: the one of its seed.
    blur_sigma: of the 3 x 3 Gaussian over the attention that the loss is computed of, in cells:
        1.0 in the authors' test and training configurations (0.5 is their class's default).
    """

    refinement: Literal["none", "attention"] = option("none", neutral="none")
    noises: int = option(1, neutral=1)
    blur_sigma: float = 1.0

    def check(self) -> None:
        self.require(self.noises > 0, "noises must be positive")
        self.require(self.blur_sigma > 0, "blur_sigma must be positive")


class UDiffText(Imported):
    """UDiffText's published checkpoint, with the two options of its sampling."""

    chosen: UDiffTextSettings

    def __init__(self, settings: UDiffTextSettings) -> None:
        super().__init__("udifftext", settings)

    def paint(self, batch: "Batch", seeds: Sequence[int]) -> "Tensor":
        from dreamtext.sampling.solve import repaint

        condition = self.condition(batch, seeds)
        noise = self.noise(seeds)
        if self.chosen.noises > 1:
            noise = self.best_noise(batch, seeds, condition)
        refine = None
        if self.chosen.refinement == "attention":
            steps, sigma = self.settings.steps, self.chosen.blur_sigma
            refine = Refinement(self.model, batch, steps, sigma)
        return repaint(
            self.model, batch, noise, self.settings, before_step=refine, condition=condition
        )

    def best_noise(self, batch: "Batch", seeds: Sequence[int], condition: "Condition") -> "Tensor":
        """(B, C, h, w): of several noises the one with the lowest loss, for each sample."""
        import torch

        from dreamtext import devices
        from dreamtext.sampling.solve import sample_latents

        where = devices.of(self.model)
        best = self.noise(seeds).to(where)
        lowest = torch.full((len(seeds),), torch.inf, device=where)
        short = replace(self.settings, steps=2)
        for number in range(self.chosen.noises):
            noise = self.noise([_seed(seed, number) for seed in seeds]).to(where)
            maps: list[Maps] = []
            sample_latents(self.model, batch, noise, short, maps.append, condition=condition)
            loss = weakest_character(self.model, maps[-1], batch, self.chosen.blur_sigma)
            best = torch.where((loss < lowest)[:, None, None, None], noise, best)
            lowest = torch.minimum(loss, lowest)
        return best


def _seed(seed: int, number: int) -> int:
    """The seed of a sample's noise of that number; its own is the first."""
    if number == 0:
        return seed
    return int(np.random.default_rng([seed, _OTHER_NOISES, number]).integers(2**31))


class Refinement:
    """Moves latents before a step towards attention for every character of their word."""

    def __init__(
        self, model: "DreamText", batch: "Batch", steps: int, blur_sigma: float = 1.0
    ) -> None:
        self.model, self.batch, self.steps, self.blur_sigma = model, batch, steps, blur_sigma

    def __call__(
        self,
        number: int,
        latents: "Tensor",
        timesteps: "Tensor",
        condition: "Condition",
        text: "Tensor",
    ) -> "Tensor":
        import torch

        from dreamtext import devices

        strength = STRENGTH * (1 - number / self.steps) ** 0.5
        goal = INSISTED.get(number)
        moving = torch.ones(len(latents), dtype=torch.bool, device=latents.device)
        for _ in range(1 if goal is None else AGAIN + 1):
            with torch.enable_grad():
                latents = latents.detach().requires_grad_()
                # The released code gives the network the latents unscaled here, and so does this.
                _, maps = self.model.denoise_recorded(
                    latents, timesteps, condition, text, self.batch.tokens
                )
                loss = weakest_character(self.model, maps, self.batch, self.blur_sigma)
                (gradient,) = torch.autograd.grad(loss.sum(), latents)
            latents = latents.detach() - strength * gradient * moving[:, None, None, None]
            if goal is None:
                break
            moving = moving & (loss.detach() > goal)
            if not devices.fetched(moving.any()):
                break
        return latents


def weakest_character(
    model: "DreamText", maps: "Maps", batch: "Batch", blur_sigma: float = 1.0
) -> "Tensor":
    """(B,) loss in -1..0: minus the largest attention in the region of the character with the
    least of it, averaged over the layers of at least `masks.min_size`.

    Args:
        maps: each layer's attention (B, T, h, w).     blur_sigma: of its blur, in cells.

    Raises:
        UserError: no layer is that large.
    """
    from torch.nn import functional

    from dreamtext.errors import UserError
    from dreamtext.objective.masks import blur

    least = model.config.masks.min_size
    padding = (batch.tokens == 0).float()
    losses = []
    for layer in maps.values():
        size = layer.shape[-2:]
        if min(size) < least:
            continue
        rows = blur(layer[:, : padding.shape[1]], 3, blur_sigma, "zero")
        inside = functional.interpolate(batch.region, size)
        strongest = (rows * inside).amax(dim=(-2, -1)) + padding  # padding is never the weakest
        losses.append(-strongest.amin(dim=1))
    if not losses:
        raise UserError(f"no attention layer has a side of at least masks.min_size={least}")
    return sum(losses[1:], losses[0]) / len(losses)
