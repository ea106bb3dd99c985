"""A trained DreamText model (or a variant of it) as a system like any other."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.request import Answer, Request
from baselines.system import Capabilities, System
from dreamtext.configs.sections import Config, SamplingConfig

if TYPE_CHECKING:
    from torch import Tensor

    from dreamtext.data.sample import Batch
    from dreamtext.networks.model import DreamText


class OurModel(System):
    """A trained model's folder, painted with `dreamtext.sampling.solve.repaint`.

    Args:
        folder: what training wrote (`model/` of a train run).
        sampling: None takes the settings the model was configured with.

    Its `identity` knows only how it samples: which run trained it stands in the train stage's
    signature.
    """

    name: ClassVar[str] = "ours"

    def __init__(
        self, folder: Path, sampling: SamplingConfig | None = None, device: str = "auto"
    ) -> None:
        self.folder, self.device, self._sampling = folder, device, sampling

    @cached_property
    def model(self) -> "DreamText":
        from dreamtext.weights.checkpoints import load_model

        return load_model(self.folder, self.device)

    @property
    def config(self) -> Config:
        return self.model.config

    @cached_property
    def settings(self) -> SamplingConfig:  # type: ignore[override]
        return self._sampling or self.config.sampling

    @cached_property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        data = self.config.data
        return Capabilities(
            max_length=data.max_length,
            native_size=(data.height, data.width),
            licence="this project's",
        )

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        from dreamtext import devices

        painted = devices.fetched(self.paint(self.batch(batch), [r.seed for r in batch])).numpy()
        pixels = ((painted + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
        return [
            Answer(id=r.id, image=np.ascontiguousarray(p.transpose(1, 2, 0)))
            for r, p in zip(batch, pixels, strict=True)
        ]

    def paint(self, batch: "Batch", seeds: Sequence[int]) -> "Tensor":
        """(B, 3, H, W) in [-1, 1] from the noise of the seeds."""
        from dreamtext.sampling.solve import noise_for, repaint

        return repaint(self.model, batch, noise_for(self.config, seeds), self.settings)

    def batch(self, requests: Sequence[Request]) -> "Batch":
        """The requests as the model reads them; character masks are unknown."""
        from dreamtext import devices
        from dreamtext.data.sample import Sample, collate

        glyph = self.config.model.glyph
        samples = [
            Sample(
                id=r.id,
                image=r.image,
                region=r.region,
                word=r.word,
                characters=np.zeros(r.region.shape, np.uint8),
                has_characters=False,
                quad=r.quad,
            )
            for r in requests
        ]
        return collate(
            samples,
            max_length=self.config.data.max_length,
            crop_size=(glyph.height, glyph.width),
        ).to(devices.of(self.model))
