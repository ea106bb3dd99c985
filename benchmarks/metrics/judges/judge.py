"""A judge reads the word in a crop."""

import unicodedata
from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Judge(Protocol):
    """Anything that reads crops.

    Attributes:
        backbone: name and hash of the weights, as printed beside every score.
        key: hash of all that decides a reading; readings are cached under it.
    """

    backbone: str
    key: str

    def read(self, crops: Sequence[np.ndarray]) -> list[str]:
        """The words in (h, w, 3) uint8 RGB crops; "" where nothing is read."""


def normalise(reading: str) -> str:
    """Full-width forms to ASCII (NFKC), and no white space: no target word has any."""
    return "".join(unicodedata.normalize("NFKC", reading).split())
