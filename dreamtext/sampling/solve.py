"""From noise to pictures, and attention on real pictures at chosen noise levels."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from dreamtext.configs.sections import Config, SamplingConfig
from dreamtext.data.sample import Batch
from dreamtext.errors import RunError
from dreamtext.networks import diffusion
from dreamtext.networks.attention import Maps
from dreamtext.networks.model import Condition, DreamText
from dreamtext.networks.segmentation import laid_out
from dreamtext.training.batches import latent_shape

# (number of the step, latents, timesteps (B,), condition, text tokens) -> other latents
BeforeStep = Callable[[int, Tensor, Tensor, Condition, Tensor], Tensor]


def noise_for(config: Config, seeds: Sequence[int]) -> Tensor:
    """(B, C, h, w) standard normal noise, each sample's from its own seed."""
    shape = latent_shape(config)
    rows = [np.random.default_rng(seed).standard_normal(shape, np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(rows))


@torch.no_grad()
def repaint(
    model: DreamText,
    batch: Batch,
    noise: Tensor,
    sampling: SamplingConfig,
    observe: Callable[[Maps], None] | None = None,
    scheduler: SchedulerMixin | None = None,
    before_step: BeforeStep | None = None,
) -> Tensor:
    """(B, 3, H, W) in [-1, 1]: the raw pictures with the batch's words painted in.

    Classifier-free guidance against a zero text embedding (METHOD); `noise` as `noise_for` gives.

    Args:
        observe: called after every step with the attention of its pass with the text.
        scheduler: a solver on the model's own noise schedule; `sampling.solver` by default.
        before_step: called with the latents before every step; the step goes on from its answer.

    Raises:
        RunError: sampling came to values that are no numbers.
    """
    latents = sample_latents(model, batch, noise, sampling, observe, scheduler, before_step)
    if not latents.isfinite().all():
        raise RunError(
            f"sampling ({sampling.solver}, {sampling.steps} steps, guidance {sampling.guidance:g}) "
            "came to values that are no numbers; try the other solver or less guidance, or check "
            "that the model's weights are whole"
        )
    return model.decode(latents)


@torch.no_grad()
def sample_latents(
    model: DreamText,
    batch: Batch,
    noise: Tensor,
    sampling: SamplingConfig,
    observe: Callable[[Maps], None] | None = None,
    scheduler: SchedulerMixin | None = None,
    before_step: BeforeStep | None = None,
) -> Tensor:
    """(B, C, h, w): what `repaint` decodes."""
    if scheduler is None:
        scheduler = diffusion.sampling_scheduler(model.config.diffusion, sampling.solver)
    scheduler.set_timesteps(sampling.steps)
    condition = model.condition(_as_asked(model, batch))
    text = model.text_encoder(batch.tokens)
    latents = noise.to(batch.image.device) * scheduler.init_noise_sigma
    for number, timestep in enumerate(scheduler.timesteps):
        times = timestep.expand(len(latents)).to(latents.device)
        if before_step is not None:
            latents = before_step(number, latents, times, condition, text)
        given = scheduler.scale_model_input(latents, timestep)
        if observe is None:
            guided = model.denoise(given, times, condition, text, batch.tokens)
        else:
            guided, maps = model.denoise_recorded(given, times, condition, text, batch.tokens)
            observe(maps)
        if sampling.guidance != 1:
            plain = model.denoise(given, times, condition, torch.zeros_like(text), batch.tokens)
            guided = plain + sampling.guidance * (guided - plain)
        latents = scheduler.step(guided, timestep, latents).prev_sample
    return latents


@torch.no_grad()
def attention_at(model: DreamText, batch: Batch, noise: Tensor, noise_level: float) -> Maps:
    """Every layer's attention (B, T, h, w) on the batch's real images, noised to a level t'."""
    config = model.config.diffusion
    timestep = diffusion.timestep_of(config, noise_level)
    times = torch.full((len(batch.image),), timestep, device=batch.image.device)
    condition = model.condition(_as_asked(model, batch))
    noise = noise.to(batch.image.device)
    noisy = diffusion.training_scheduler(config).add_noise(condition.latents, noise, times)
    text = model.text_encoder(batch.tokens)
    return model.denoise_recorded(noisy, times, condition, text, batch.tokens)[1]


def _as_asked(model: DreamText, batch: Batch) -> Batch:
    """What a model may know of a batch when it paints: no real segmentation, but a typeset one."""
    return batch if model.layout_encoder is None else laid_out(batch)


def composite(painted: Tensor, batch: Batch) -> Tensor:
    """The painted region in the untouched photograph."""
    return painted * batch.region + batch.image * (1 - batch.region)
