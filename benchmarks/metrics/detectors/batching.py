"""Where networks compute, and how many pictures at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np


def device():
    """The GPU where there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def batches(images: Iterable[np.ndarray], count: int) -> Iterator[list[np.ndarray]]:
    """Lists of up to `count` consecutive pictures."""
    rest = iter(images)
    while some := list(islice(rest, count)):
        yield some
