"""What a system is asked, and what it answers: one word to paint into one image.

request = Request.of(sample, word, seed)
answer = Answer(id=request.id, image=picture)
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dreamtext.errors import UserError

if TYPE_CHECKING:
    from dreamtext.data.sample import Sample

Task = Literal["reconstruction", "editing"]
Status = Literal["ok", "unsupported", "error"]
PROMPT = 'a sign that says "{word}"'  # what systems that read a prompt are told


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """One word to paint into one image.

    Attributes:
        id: name of the sample.             seed: of the noise, the same for every system.
        image: (H, W, 3) uint8 RGB, the real image; systems that inpaint mask it themselves.
        region: (H, W) bool, True where the image is repainted.
        quad: (4, 2) float32, the word's corners x, y in pixels, clockwise from its top left.
        source_word: what stands there now.  word: what is to be painted.
    """

    id: str
    image: np.ndarray
    region: np.ndarray
    quad: np.ndarray
    source_word: str
    word: str
    seed: int

    @classmethod
    def of(cls, sample: "Sample", word: str, seed: int) -> "Request":
        """The request to paint `word` in a data set's sample."""
        return cls(
            id=sample.id,
            image=sample.image,
            region=sample.region,
            quad=sample.quad,
            source_word=sample.word,
            word=word,
            seed=seed,
        )

    @property
    def task(self) -> Task:
        return "reconstruction" if self.word == self.source_word else "editing"

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of the region in pixels, x1 and y1 exclusive."""
        rows, columns = np.nonzero(self.region)
        if not len(rows):
            raise UserError(f"sample '{self.id}' has an empty region: nothing to repaint")
        return (
            int(columns.min()),
            int(rows.min()),
            int(columns.max()) + 1,
            int(rows.max()) + 1,
        )

    @cached_property
    def masked_image(self) -> np.ndarray:
        """(H, W, 3) uint8: the image with mid grey inside the region."""
        return np.where(self.region[..., None], np.uint8(128), self.image)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a system made of a request.

    Attributes:
        image: (H, W, 3) uint8 RGB, the system's whole picture, nothing put back into it. What
            `ask` returns always has one: the masked image where the status is not `ok`, so that
            a sample without an answer is scored as a failure.
        reason: why there is no picture.    seconds: spent on this sample.
        meta: findings of the system, plain JSON values (peak_memory_mib, steps, ...).
    """

    id: str
    status: Status = "ok"
    image: np.ndarray | None = None
    reason: str = ""
    seconds: float = 0.0
    meta: dict[str, Any] = field(default_factory=dict)
