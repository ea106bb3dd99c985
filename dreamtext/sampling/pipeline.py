"""DreamText as a diffusers pipeline.

from dreamtext.sampling.pipeline import DreamTextPipeline
pipe = DreamTextPipeline.from_model_folder("results/models/tiny")
painted = pipe(photograph, region, "HELLO").images[0]
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import ConfigMixin, DiffusionPipeline, ModelMixin, SchedulerMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils import BaseOutput
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from dreamtext import charset, devices
from dreamtext.configs.schema import from_dict, to_dict
from dreamtext.configs.sections import Config
from dreamtext.data.sample import HostBatch, host_batch
from dreamtext.errors import UserError
from dreamtext.networks import diffusion
from dreamtext.networks.attention import Maps
from dreamtext.networks.model import DreamText
from dreamtext.sampling.solve import composite, repaint
from dreamtext.weights import checkpoints

Picture = Image.Image | np.ndarray
Generators = torch.Generator | list[torch.Generator]


class PipelineModel(ModelMixin, ConfigMixin):
    """All networks of a `DreamText`, saved and loaded the way diffusers does."""

    @register_to_config
    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.net = DreamText(from_dict(Config, settings))

    @classmethod
    def of(cls, model: DreamText) -> "PipelineModel":
        """Around a model that is there; nothing is copied."""
        with torch.device("meta"):
            made = cls(settings=to_dict(model.config))
        made.net = model
        return made.eval()

    @classmethod
    def from_pretrained(cls, *arguments: Any, **options: Any) -> "PipelineModel":
        """As diffusers loads it, with every tensor moved to memory of its own.

        Tensors mapped from a safetensors file may lie unaligned, and some processors then take
        kernels whose last bits differ: the same weights would paint other pictures.
        """
        loaded = super().from_pretrained(*arguments, **options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.data = tensor.data.clone()
        return loaded


@dataclass
class DreamTextOutput(BaseOutput):
    """What a pipeline call gives.

    Attributes:
        images: the painted regions in the untouched pictures.   raw: the whole decoded pictures.
        attention: per layer (steps, B, T, h, w), one map per character token; None unless asked.
    """

    images: list[Image.Image] | np.ndarray
    raw: list[Image.Image] | np.ndarray
    attention: dict[str, Tensor] | None = None


class DreamTextPipeline(DiffusionPipeline):
    """Paints words into regions of pictures.

    Args:
        model: all networks.
        scheduler: a solver on the model's own noise schedule; any of diffusers' that has
            `set_timesteps` and a deterministic `step`.
    """

    model_cpu_offload_seq = "model"

    def __init__(self, model: PipelineModel, scheduler: SchedulerMixin) -> None:
        super().__init__()
        self.register_modules(model=model, scheduler=scheduler)

    @classmethod
    def from_model(cls, model: DreamText) -> "DreamTextPipeline":
        config = model.config
        scheduler = diffusion.sampling_scheduler(config.diffusion, config.sampling.solver)
        return cls(PipelineModel.of(model.eval()), scheduler)

    @classmethod
    def from_model_folder(cls, folder: str | Path) -> "DreamTextPipeline":
        """From the folder of a trained or imported model.

        Raises:
            RunError: the folder is missing, damaged or holds another model.
        """
        return cls.from_model(checkpoints.load_model(Path(folder)))

    @property
    def net(self) -> DreamText:
        return self.model.net

    @torch.no_grad()
    def __call__(
        self,
        image: Picture | Sequence[Picture],
        region: Picture | Sequence[Picture],
        words: str | Sequence[str],
        *,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        generator: Generators | None = None,
        output_type: Literal["pil", "np"] = "pil",
        output_attention: bool = False,
    ) -> DreamTextOutput:
        """Paint one word into each picture's region.

        Args:
            image: RGB, one or several of one size.
            region: the mask of what is repainted, nonzero there, one per image.
            words: 1 to 12 of the 94 printable characters; one per image, or one for all.
            num_inference_steps: solver steps; the model's own by default.
            guidance_scale: of classifier-free guidance, 1 for none; the model's own by default.
            generator: for the noise; on the CPU it gives the same picture on every device.

        Raises:
            UserError: sizes or counts do not fit, a region is empty, or a word cannot be painted.
        """
        config = self.net.config
        batch = self._batch(image, region, words)
        sampling = config.sampling
        if num_inference_steps is not None:
            sampling = replace(sampling, steps=num_inference_steps)
        if guidance_scale is not None:
            sampling = replace(sampling, guidance=guidance_scale)
        scale = config.model.autoencoder.downscale
        height, width = (side // scale for side in batch.region.shape[-2:])
        shape = (len(batch.image), config.model.autoencoder.channels, height, width)
        noise = randn_tensor(shape, generator=generator, device=self.device)
        seen: list[Maps] = []
        with self.progress_bar(total=sampling.steps) as bar:

            def observe(maps: Maps) -> None:
                bar.update()
                if output_attention:
                    seen.append(maps)

            raw = repaint(self.net, batch, noise, sampling, observe, scheduler=self.scheduler)
        attention = None
        if output_attention:
            attention = {
                name: devices.fetched(torch.stack([maps[name] for maps in seen]))
                for name in seen[0]
            }
        return DreamTextOutput(
            images=_pictures(composite(raw, batch), output_type),
            raw=_pictures(raw, output_type),
            attention=attention,
        )

    def _batch(self, image: Any, region: Any, words: str | Sequence[str]) -> HostBatch:
        images = [_rgb(one) for one in _listed(image)]
        regions = [_mask(one) for one in _listed(region)]
        chosen = [words] * len(images) if isinstance(words, str) else list(words)
        if not len(images) == len(regions) == len(chosen):
            raise UserError(
                f"{len(images)} images, {len(regions)} regions and {len(chosen)} words were given; "
                "expected one region and one word per image"
            )
        config = self.net.config.model
        multiple = config.autoencoder.downscale * 2 ** (len(config.unet.widths) - 1)
        for picture, mask in zip(images, regions, strict=True):
            if picture.shape != images[0].shape or mask.shape != picture.shape[:2]:
                raise UserError(
                    "all images must have one size and each region the size of its image, but "
                    f"{picture.shape[1]} x {picture.shape[0]} and {mask.shape[1]} x "
                    f"{mask.shape[0]} were given"
                )
            if any(side % multiple for side in mask.shape):
                raise UserError(
                    f"the image is {mask.shape[1]} x {mask.shape[0]}; both sides must be multiples "
                    f"of {multiple} for this model: resize or crop it"
                )
            if not mask.any():
                raise UserError("the region is empty: mark what to repaint with nonzero pixels")
        length = self.net.config.data.max_length
        count, height, width = len(images), *images[0].shape[:2]
        return host_batch(
            image=np.stack(images),
            region=np.stack(regions),
            tokens=np.array([charset.encode(word, length) for word in chosen]),
            characters=np.zeros((count, height, width), np.uint8),
            has_characters=np.zeros(count, bool),
            crop=np.zeros((count, config.glyph.height, config.glyph.width), np.uint8),
        )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _rgb(image: Picture) -> np.ndarray:
    """(H, W, 3) uint8."""
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    if image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8:
        return image
    raise UserError(
        f"an image is an array of shape {image.shape} and type {image.dtype}; expected a PIL image "
        "or (H, W, 3) uint8"
    )


def _mask(region: Picture) -> np.ndarray:
    """(H, W) bool."""
    if isinstance(region, Image.Image):
        return np.asarray(region.convert("L")) > 127
    if region.ndim == 2:
        return region.astype(bool)
    raise UserError(f"a region is an array of shape {region.shape}; expected (H, W)")


def _pictures(images: Tensor, output_type: str) -> list[Image.Image] | np.ndarray:
    """(B, 3, H, W) in [-1, 1] -> PIL images, or (B, H, W, 3) in 0..1."""
    values = devices.fetched(((images + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).float()).numpy()
    if output_type == "np":
        return values
    return [Image.fromarray((picture * 255).round().astype(np.uint8)) for picture in values]
