"""The noise schedule, as diffusers' schedulers, and what is drawn at random for a step of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler
from torch import Tensor

from dreamtext.configs.sections import DiffusionConfig
from dreamtext.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Draw:
    """The random part of a step.

    Attributes:
        timesteps: (B,).   noise: (B, C, h, w).   dropped: (B,) bool, whose text is dropped.
        latent_noise: (B, 2, C, h, w) to draw the latents of the picture and of the masked picture
            with; None where they are the most likely ones.
    """

    timesteps: Tensor
    noise: Tensor
    dropped: Tensor
    latent_noise: Tensor | None = None

    def to(self, device: torch.device | str) -> "Draw":
        return self._each(lambda value: value.to(device))

    def part(self, rows: slice) -> "Draw":
        """Of some samples."""
        return self._each(lambda value: value[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Draw":
        return replace(self, **{n: change(v) for n, v in vars(self).items() if v is not None})


def _settings(config: DiffusionConfig) -> dict:
    """Arguments shared by every scheduler of this schedule."""
    settings: dict = {
        "num_train_timesteps": config.timesteps,
        "prediction_type": config.prediction,
    }
    if config.schedule == "scaled_linear":  # Stable Diffusion's
        settings |= {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
        if config.shift != 1:
            raise UserError("diffusion.shift is for the cosine schedule; scaled_linear needs 1")
        settings["rescale_betas_zero_snr"] = config.zero_terminal_snr
        return settings
    # The shift is part of the schedule itself, so uniform timesteps are shifted ones, in training
    # and in sampling alike.
    step = np.arange(config.timesteps + 1) / config.timesteps
    level = config.shift * step / (1 + (config.shift - 1) * step)
    kept = np.cos(np.pi / 2 * level) ** 2
    betas = 1 - kept[1:] / kept[:-1]
    betas[-1] = 1.0 if config.zero_terminal_snr else 0.999
    return settings | {"trained_betas": betas.clip(0, 1).tolist()}


def training_scheduler(config: DiffusionConfig) -> DDPMScheduler:
    """Adds noise, and holds `alphas_cumprod` (timesteps,)."""
    return DDPMScheduler(**_settings(config), clip_sample=False)


def sampling_scheduler(
    config: DiffusionConfig, solver: str
) -> DDIMScheduler | EulerDiscreteScheduler:
    """A deterministic few-step solver on the same schedule."""
    if solver == "euler":
        if config.schedule == "cosine":  # Euler divides by the last step's signal: a trace is left
            config = replace(config, zero_terminal_snr=False)
        return EulerDiscreteScheduler(**_settings(config), timestep_spacing="trailing")
    return DDIMScheduler(
        **_settings(config),
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )


def timestep_of(config: DiffusionConfig, noise_level: float) -> int:
    """The timestep whose noise level t' (0 clean, 1 noise) is nearest to the one given."""
    unshifted = noise_level / (config.shift - (config.shift - 1) * noise_level)
    return min(config.timesteps - 1, max(0, round(unshifted * config.timesteps) - 1))
