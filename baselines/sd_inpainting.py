"""Stable Diffusion 2 inpainting as it comes: a prompt with the word, no character guidance."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from baselines.request import PROMPT, Answer, Request
from baselines.system import Capabilities, System, Weights, home, torch_device
from dreamtext.configs.schema import Checked, option
from dreamtext.errors import RunError
from dreamtext.weights.inventory import STABLE_DIFFUSION_2_INPAINTING

SOURCE = f"the diffusers folder from {STABLE_DIFFUSION_2_INPAINTING}"
PARTS = ("model_index.json", "unet", "vae", "text_encoder")


@dataclass(frozen=True, kw_only=True)
class DiffusionInpaintingSettings(Checked):
    """Attributes:
    weights: a local folder in diffusers' layout; "" means `weights` below
        $DREAMTEXT_BASELINES/sd2-inpainting.
    prompt: `{word}` stands for the word.
    size: side of the square pictures, in pixels.
    steps, guidance: as DreamText (arXiv 2405.14701) samples.
    """

    weights: str = option("", identity=False)
    device: str = option("auto", identity=False)
    prompt: str = PROMPT
    steps: int = 50
    guidance: float = 5.0
    size: int = 512
    batch_size: int = option(4, identity=False)

    def check(self) -> None:
        self.require("{word}" in self.prompt, "prompt must contain {word}")
        self.require(self.steps > 0, "steps must be positive")
        self.require(self.size > 0 and self.size % 8 == 0, "size must be a multiple of 8")


class DiffusionInpainting(System):
    """An inpainting pipeline of diffusers, loaded from a local folder."""

    name: ClassVar[str] = "sd2-inpainting"

    def __init__(self, settings: DiffusionInpaintingSettings | None = None) -> None:
        self.settings = settings or DiffusionInpaintingSettings()
        self.capabilities = Capabilities(
            max_length=77,
            native_size=(self.settings.size, self.settings.size),
            licence="CreativeML Open RAIL++-M (the weights)",
            weights=tuple(Weights(file=part, source=SOURCE) for part in PARTS),
            batch_size=self.settings.batch_size,
        )

    @property
    def weights_folder(self) -> Path:
        return Path(self.settings.weights or home(self.name) / "weights")

    @cached_property
    def device(self) -> str:
        return torch_device(self.settings.device)

    @cached_property
    def pipeline(self) -> Any:
        folder = self.weights_folder
        lacks = [part for part in PARTS if not (folder / part).exists()]
        if lacks:
            raise RunError(
                f"the system '{self.name}' needs {SOURCE}; put it into {folder} or set "
                f"weights=FOLDER (it lacks {', '.join(lacks)})"
            )
        import torch
        from diffusers import StableDiffusionInpaintPipeline

        try:
            pipeline = StableDiffusionInpaintPipeline.from_pretrained(
                folder,
                local_files_only=True,
                dtype=torch.float16 if self.device.startswith("cuda") else torch.float32,
                safety_checker=None,
                requires_safety_checker=False,
            )
        except (OSError, ValueError, KeyError) as error:
            raise RunError(
                f"the folder {folder} is no whole inpainting pipeline ({error}); fetch {SOURCE} "
                "again"
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        return pipeline.to(self.device)

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        import torch

        painted = self.pipeline(
            prompt=[self.settings.prompt.replace("{word}", r.word) for r in batch],
            image=[Image.fromarray(r.image) for r in batch],
            mask_image=[Image.fromarray(r.region.astype(np.uint8) * 255) for r in batch],
            height=self.settings.size,
            width=self.settings.size,
            num_inference_steps=self.settings.steps,
            guidance_scale=self.settings.guidance,
            # On the CPU, so that the noise does not depend on the device.
            generator=[torch.Generator("cpu").manual_seed(r.seed) for r in batch],
            output_type="np",
        ).images
        pixels = (painted * 255).round().clip(0, 255).astype(np.uint8)
        return [Answer(id=r.id, image=p) for r, p in zip(batch, pixels, strict=True)]
