"""Where networks compute, and how many pictures at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def device() -> "torch.device":
    """Where scoring networks compute."""
    from dreamtext import devices

    return devices.device()


def batches(images: Iterable[np.ndarray], count: int) -> Iterator[list[np.ndarray]]:
    """Lists of up to `count` consecutive pictures."""
    rest = iter(images)
    while some := list(islice(rest, count)):
        yield some
