"""Systems that learn nothing: the ceiling, the floor, and inpainting without any text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import cv2
import numpy as np

from baselines.request import Answer, Request
from baselines.system import Capabilities, System
from dreamtext.configs.schema import Checked


class Truth(System):
    """The real image: the ceiling of every metric. It can only show the word that stands there."""

    name: ClassVar[str] = "truth"
    deterministic: ClassVar[bool] = True
    capabilities = Capabilities(modes=("reconstruction",), licence="none needed")

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        return [Answer(id=r.id, image=r.image) for r in batch]


class Masked(System):
    """The image with grey in its region: the floor of every metric."""

    name: ClassVar[str] = "masked"
    deterministic: ClassVar[bool] = True
    capabilities = Capabilities(licence="none needed")

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        return [Answer(id=r.id, image=r.masked_image) for r in batch]


@dataclass(frozen=True, kw_only=True)
class InpaintSettings(Checked):
    """Radius in pixels of the neighbourhood a filled pixel is computed from."""

    method: Literal["telea", "navier_stokes"] = "telea"
    radius: int = 3

    def check(self) -> None:
        self.require(self.radius > 0, "radius must be positive")


def inpaint(request: Request, settings: InpaintSettings) -> np.ndarray:
    """(H, W, 3) uint8: the region filled from its surroundings (OpenCV; Telea 2004, or
    Bertalmio et al. 2001); mid grey where the region covers the whole image."""
    if request.region.all():
        return request.masked_image
    methods = {"telea": cv2.INPAINT_TELEA, "navier_stokes": cv2.INPAINT_NS}
    mask = request.region.astype(np.uint8)
    return cv2.inpaint(request.masked_image, mask, settings.radius, methods[settings.method])


class ClassicalInpainting(System):
    """The region filled by OpenCV, with no word in it: good pictures that cannot be read."""

    name: ClassVar[str] = "opencv"
    deterministic: ClassVar[bool] = True
    capabilities = Capabilities(licence="Apache-2.0")

    def __init__(self, settings: InpaintSettings | None = None) -> None:
        self.settings = settings or InpaintSettings()

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        return [Answer(id=r.id, image=inpaint(r, self.settings)) for r in batch]
