"""From noise to pictures, and attention on real pictures at chosen noise levels."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from dreamtext import charset, devices
from dreamtext.configs.sections import Config, SamplingConfig
from dreamtext.data.embedded import typesetting
from dreamtext.data.sample import Batch, HostBatch
from dreamtext.errors import RunError
from dreamtext.networks import diffusion
from dreamtext.networks.attention import Maps
from dreamtext.networks.autoencoder import latent_shape
from dreamtext.networks.model import Condition, DreamText

_FACE = "Roboto-Black"  # TextDiffuser sets every word in one face, whatever the picture's
_STRETCH = 1.35

AnyBatch = TypeVar("AnyBatch", bound=Batch | HostBatch)
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
    batch: Batch | HostBatch,
    noise: Tensor,
    sampling: SamplingConfig,
    observe: Callable[[Maps], None] | None = None,
    scheduler: SchedulerMixin | None = None,
    before_step: BeforeStep | None = None,
    condition: Condition | None = None,
) -> Tensor:
    """(B, 3, H, W) in [-1, 1]: the raw pictures with the batch's words painted in.

    Classifier-free guidance against a zero text embedding, as DreamText (arXiv 2405.14701) trains
    it, both in one pass; `noise` as `noise_for` gives. The U-Net computes in `sampling.precision`,
    the decoder always in float32, where the network lies.

    Args:
        observe: called after every step with the attention of its pass with the text.
        scheduler: a solver on the model's own noise schedule; `sampling.solver` by default.
        before_step: called with the latents before every step; the step goes on from its answer.
        condition: what the U-Net is told; by default what the model makes of the batch.

    Raises:
        RunError: sampling came to values that are no numbers.
        UserError: the device cannot compute in `sampling.precision`.
    """
    latents = sample_latents(
        model, batch, noise, sampling, observe, scheduler, before_step, condition
    )
    if not devices.fetched(latents.isfinite().all()):
        raise RunError(
            f"sampling ({sampling.solver}, {sampling.steps} steps, guidance {sampling.guidance:g}) "
            "came to values that are no numbers; try the other solver or less guidance, or check "
            "that the model's weights are whole"
        )
    return model.decode(latents)


@torch.no_grad()
def sample_latents(
    model: DreamText,
    batch: Batch | HostBatch,
    noise: Tensor,
    sampling: SamplingConfig,
    observe: Callable[[Maps], None] | None = None,
    scheduler: SchedulerMixin | None = None,
    before_step: BeforeStep | None = None,
    condition: Condition | None = None,
) -> Tensor:
    """(B, C, h, w): what `repaint` decodes."""
    if scheduler is None:
        scheduler = diffusion.sampling_scheduler(model.config.diffusion, sampling.solver)
    scheduler.set_timesteps(sampling.steps)
    where = devices.of(model)
    devices.refuse_precision(sampling.precision, where, "sampling.precision")
    if condition is None:
        batch = as_known(model, batch)
        condition = model.condition(batch)
    else:
        batch = batch.to(where)
    with devices.autocast(where, sampling.precision):
        text = model.text_encoder(batch.tokens).float()
    passes = 1 if sampling.guidance == 1 else 2  # with the text, and without
    context = torch.cat([text, torch.zeros_like(text)])[: passes * len(text)]
    tokens, told = batch.tokens.repeat(passes, 1), condition.repeated(passes)
    latents = noise.to(where) * scheduler.init_noise_sigma
    for number, timestep in enumerate(scheduler.timesteps):  # the schedule stays on the host
        times = torch.full((len(latents),), timestep.item(), dtype=timestep.dtype, device=where)
        if before_step is not None:
            latents = before_step(number, latents, times, condition, text)
        noisy = scheduler.scale_model_input(latents, timestep).repeat(passes, 1, 1, 1)
        with devices.autocast(where, sampling.precision):
            if observe is None:
                predicted = model.denoise(noisy, times.repeat(passes), told, context, tokens)
            else:
                predicted, maps = model.denoise_recorded(
                    noisy, times.repeat(passes), told, context, tokens
                )
                observe({name: values[: len(latents)] for name, values in maps.items()})
        guided, *plain = predicted.float().chunk(passes)
        if plain:
            guided = plain[0] + sampling.guidance * (guided - plain[0])
        latents = scheduler.step(guided, timestep, latents).prev_sample
    return latents


@torch.no_grad()
def attention_at(
    model: DreamText, batch: Batch | HostBatch, noise: Tensor, noise_level: float
) -> Maps:
    """Every layer's attention (B, T, h, w) on the batch's real images, noised to a level t'."""
    config = model.config.diffusion
    timestep = diffusion.timestep_of(config, noise_level)
    known = as_known(model, batch)
    times = torch.full((len(known.tokens),), timestep, device=known.tokens.device)
    condition = model.condition(known)
    noise = noise.to(known.tokens.device)
    noisy = diffusion.training_scheduler(config).add_noise(condition.latents, noise, times)
    text = model.text_encoder(known.tokens)
    return model.denoise_recorded(noisy, times, condition, text, known.tokens)[1]


def as_known(model: DreamText, batch: Batch | HostBatch) -> Batch:
    """What a model may know of a batch when it paints, where the model lies: no real segmentation,
    but a typeset one. Words are typeset on the host: a batch is best given before it has left."""
    known = batch if model.layout_encoder is None else typeset_characters(batch)
    return known.to(devices.of(model))


def typeset_characters(batch: AnyBatch) -> AnyBatch:
    """The batch with its words typeset in their regions in place of its real segmentation: the
    condition of TextDiffuser (arXiv 2305.10855, section 3.2)."""
    regions = batch.region.reshape(batch.characters.shape).cpu().numpy() > 0.5
    words = [charset.decode(row) for row in batch.tokens.tolist()]
    maps = [typeset_in_region(word, region) for word, region in zip(words, regions, strict=True)]
    characters = torch.from_numpy(np.stack(maps)).to(batch.characters)
    return replace(batch, characters=characters)


def typeset_in_region(word: str, region: np.ndarray) -> np.ndarray:
    """(H, W) uint8: k where the word's k-th character stands when set in the region's box."""
    rows, columns = np.nonzero(region)
    margin = max(1.0, 0.03 * region.shape[0])  # as the embedded world leaves around its words
    x0, y0 = columns.min() + margin, rows.min() + margin
    x1 = max(columns.max() + 1 - margin, x0 + 1)
    y1 = max(rows.max() + 1 - margin, y0 + 1)
    quad = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    coverage = typesetting.typeset(word, quad, region.shape, face=_FACE, stretch=_STRETCH)
    return typesetting.index_map(coverage)


def composite(painted: Tensor, batch: Batch | HostBatch) -> Tensor:
    """(B, 3, H, W): the painted region in the untouched photograph."""
    batch = batch.to(painted.device)
    return painted * batch.region + batch.image * (1 - batch.region)
