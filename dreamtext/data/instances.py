"""Character masks as an image of instance values: each character of each word has its own."""

import numpy as np

from dreamtext.data import images
from dreamtext.data.annotation import Files, Mark, Reason
from dreamtext.data.crop import Window

IGNORE = 255


class InstanceMasks:
    """A format's character masks; a word's `parts` are its characters' values, (L,)."""

    carries_characters = True

    def companions(self, image: str) -> tuple[str, ...]:
        """The mask's path, alone."""
        raise NotImplementedError

    def check(self, files: Files, image: str, mark: Mark, size: tuple[int, int]) -> Reason | None:
        if mark.parts is None:
            return None
        found = self._instances(files, image, size)
        if isinstance(found, Reason):
            return found
        if set(np.unique(mark.parts)) - set(np.unique(found)):
            return Reason.LETTER_MISSING
        return None

    def characters(
        self, files: Files, image: str, mark: Mark, size: tuple[int, int], window: Window
    ) -> np.ndarray | None:
        if mark.parts is None:
            return None
        found = self._instances(files, image, size)
        if isinstance(found, Reason):
            return None
        table = np.zeros(256, np.uint8)
        for k, value in enumerate(mark.parts.astype(int)):
            table[value] = k + 1
        return np.take(table, window.labels(found, size))

    def _instances(self, files: Files, image: str, size: tuple[int, int]) -> np.ndarray | Reason:
        try:
            data = files.read(self.companions(image)[0])
        except PermissionError:
            return Reason.OUTSIDE_ROOT
        except OSError:
            return Reason.MASK_MISSING
        try:
            values = images.decode_labels(data)
        except images.ImageError:
            return Reason.MASK_DAMAGED
        return values if values.shape == size[::-1] else Reason.MASK_DAMAGED

    def pack(self, path: str, data: bytes) -> tuple[str, bytes]:
        return "mask.png", data


def values_of(listed: object, length: int) -> np.ndarray | Reason:
    """The instance values (L,) float32 of a word's characters, or why they cannot be used."""
    if not isinstance(listed, list) or not all(
        isinstance(v, int) and 0 < v < IGNORE for v in listed
    ):
        return Reason.DAMAGED
    if len(set(listed)) != len(listed) or len(listed) != length:
        return Reason.MISCOUNTED
    return np.array(listed, np.float32)
