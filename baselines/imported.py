"""Published checkpoints in the released layout, brought to a model's folder by the importer.

DreamText's and UDiffText's have the same parameters, so both run as our own model does; what
UDiffText does besides while it samples is in `baselines.udifftext`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from baselines.ours import OurModel
from baselines.system import Capabilities, Weights, home
from dreamtext.configs.schema import Checked, identity, option
from dreamtext.configs.sections import SamplingConfig
from dreamtext.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

    from dreamtext.data.sample import Batch
    from dreamtext.networks.model import Condition, DreamText

SOURCES = {
    "released": "DreamText's README (pre_trained.ckpt)",
    "udifftext": "UDiffText's README (the text design checkpoint)",
}
MASKED = 1  # the stream of random numbers, beside a sample's seed, of its masked image's latent
LICENCES = {
    "released": "BSD-2-Clause for non-commercial academic use, by its README; else ask the authors",
    "udifftext": "MIT",
}


@dataclass(frozen=True, kw_only=True)
class ImportedSettings(Checked):
    """How a published checkpoint is sampled: by default as its authors' code does it.

    Attributes:
        folder: a model's folder, as importing a checkpoint writes it; "" means `model` below
            $DREAMTEXT_BASELINES/<name>.
        checkpoint: the hash (or any name) of what was imported: part of a run's identity.
        region: how the region comes to latent size. bilinear: soft at its border, as the authors'
            SpatialRescaler makes it; max: 1 where any pixel of the cell is repainted.
        latents: whether the masked image's latent is drawn from the autoencoder's distribution, as
            the authors' LatentEncoder does, or is its mean.
        noise_scale: what the first latent is multiplied by, for the solver euler alone. variance:
            sqrt(1 + sigma^2), as in the authors' prepare_sampling_loop; sigma: the first noise
            level, as diffusers' Euler solver does on trailing timesteps.
    """

    folder: str = option("", identity=False)
    device: str = option("auto", identity=False)
    checkpoint: str = ""
    solver: Literal["euler", "ddim"] = "euler"
    steps: int = 50
    guidance: float = 5.0
    region: Literal["bilinear", "max"] = "bilinear"
    latents: Literal["sampled", "mean"] = "sampled"
    noise_scale: Literal["variance", "sigma"] = "variance"
    batch_size: int = option(4, identity=False)


class Imported(OurModel):
    """A published checkpoint, by name."""

    version = 2

    def __init__(self, name: str, settings: ImportedSettings) -> None:
        self.name = name  # type: ignore[misc]
        self.chosen = settings
        sampling = SamplingConfig(
            solver=settings.solver, steps=settings.steps, guidance=settings.guidance, ema=False
        )
        super().__init__(Path(settings.folder or home(name) / "model"), sampling)
        self.weights = Weights(file="model.safetensors", source=SOURCES[name])

    @property
    def weights_folder(self) -> Path:
        return self.folder

    def identity(self) -> dict[str, Any]:
        return {"system": self.name, "version": self.version, **identity(self.chosen)}

    @cached_property
    def model(self) -> "DreamText":
        if not (self.folder / "config.json").is_file():
            raise RunError(
                f"the system '{self.name}' needs {self.weights.source}, imported with "
                f"`dreamtext import-checkpoint` into {self.folder}, or folder=FOLDER of the model"
            )
        from dreamtext.weights.checkpoints import load_model

        return load_model(self.folder, self.chosen.device)

    @cached_property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        licence = LICENCES[self.name]
        if not (self.folder / "config.json").is_file():  # the doctor asks before it is there
            return Capabilities(licence=licence, weights=(self.weights,))
        data = self.config.data
        return Capabilities(
            max_length=data.max_length,
            native_size=(data.height, data.width),
            licence=licence,
            weights=(self.weights,),
            batch_size=self.chosen.batch_size,
        )

    def paint(self, batch: "Batch", seeds: Sequence[int]) -> "Tensor":
        from dreamtext.sampling.solve import repaint

        condition = self.condition(batch, seeds)
        return repaint(self.model, batch, self.noise(seeds), self.settings, condition=condition)

    def condition(self, batch: "Batch", seeds: Sequence[int]) -> "Condition":
        """What the U-Net is told of a batch, with `region` and `latents` as set."""
        import torch
        from torch.nn import functional

        condition = self.model.condition(batch)
        if self.chosen.region == "bilinear":
            size = condition.region.shape[-2:]
            region = functional.interpolate(batch.region, size, mode="bilinear")
            condition = replace(condition, region=region)
        if self.chosen.latents == "sampled":
            autoencoder: Any = self.model.autoencoder
            with torch.no_grad():
                drawn = autoencoder.encode(batch.masked_image).latent_dist
            shape = drawn.mean.shape[1:]
            rows = [
                # Not the noise that sampling starts from, which is drawn from the seed alone.
                np.random.default_rng([seed, MASKED]).standard_normal(shape, np.float32)
                for seed in seeds
            ]
            noise = torch.from_numpy(np.stack(rows)).to(drawn.mean)
            scale = self.config.model.autoencoder.scaling_factor
            condition = replace(condition, masked=(drawn.mean + drawn.std * noise) * scale)
        return condition

    def noise(self, seeds: Sequence[int]) -> "Tensor":
        """(B, C, h, w) the noise of the seeds, so scaled that sampling starts as `noise_scale`
        says."""
        from dreamtext.networks.diffusion import training_scheduler
        from dreamtext.sampling.solve import noise_for

        noise = noise_for(self.config, seeds)
        if self.chosen.solver == "euler" and self.chosen.noise_scale == "variance":
            # The solver multiplies by sigma = sqrt((1 - kept) / kept) of the last timestep, so
            # this makes it sqrt(1 + sigma^2).
            schedule: Any = training_scheduler(self.config.diffusion)
            kept = float(schedule.alphas_cumprod[-1])
            noise = noise / (1 - kept) ** 0.5
        return noise
