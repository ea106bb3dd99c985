"""What stands behind the words: tiles of real photographs and procedural textures, by split.

Tiles of one photograph resemble each other, and so do textures of one generator: `source` names
the photograph or generator, the larger of the two units in which backgrounds vary.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Literal

import numpy as np

from dreamtext.data.embedded import textures
from dreamtext.data.embedded.photographs import PHOTOGRAPHS, photograph

# region: a part of a photograph whose other part is trained on
Kind = Literal["photograph", "region", "texture"]
# Of a training photograph the left share is trained on, the rest is for testing.
TRAINED_SHARE = 0.7
_TEXTURES = {"train": 4, "validation": 3, "test": 3}  # of each generator


@dataclass(frozen=True)
class Background:
    """A picture to put words on; `box` is x0, y0, x1, y1 as shares of a photograph."""

    name: str
    source: str
    kind: Kind
    file: tuple[str, str] = ("", "")
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    number: int = 0

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        if self.kind == "texture":
            return textures.texture(self.source, self.number)
        whole = photograph(*self.file)
        height, width = whole.shape[:2]
        x0, y0, x1, y1 = self.box
        return whole[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


@cache
def backgrounds(split: str) -> tuple[Background, ...]:
    """Every background of a split; no two splits share a pixel or a generator."""
    if split == "train":
        found = _tiles("train", "photograph", (0.0, TRAINED_SHARE), grid=(1, 1))
    elif split == "validation":
        found = _tiles("validation", "photograph", (0.0, 1.0), grid=(1, 1))
    else:
        found = _tiles("test", "photograph", (0.0, 1.0), grid=(2, 2))
        found += _tiles("train", "region", (TRAINED_SHARE, 1.0), grid=(2, 1))
    for generator in textures.GENERATORS[split]:
        found += [
            Background(f"{generator.__name__}/{k}", generator.__name__, "texture", number=k)
            for k in range(_TEXTURES[split])
        ]
    return tuple(found)


def _tiles(
    split: str, kind: Kind, across: tuple[float, float], grid: tuple[int, int]
) -> list[Background]:
    """Each photograph of a split between two shares of its width, cut in rows and columns."""
    rows, columns = grid
    left, right = across
    found = []
    for file in PHOTOGRAPHS[split]:
        source = PurePath(file[1]).stem
        for tile in range(rows * columns):
            row, column = divmod(tile, columns)
            step = (right - left) / columns
            box = (
                left + column * step,
                row / rows,
                left + (column + 1) * step,
                (row + 1) / rows,
            )
            found.append(Background(f"{source}/{tile}", source, kind, file, box))
    return found
