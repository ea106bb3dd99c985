"""Image files: their size, whether they are whole, their pixels."""

import io
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

_TAIL = 4096
# Orientation tags are ignored, as the data sets' own coordinates (and the papers' code) do.
_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


class ImageError(ValueError):
    """The file is no image, or is truncated."""


def inspect(path: Path) -> tuple[tuple[int, int], int]:
    """((width, height), bytes) of an image file, without decoding it where that can be avoided.

    Raises:
        ImageError: no image, or truncated.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        size = _size(file)
        end = file.seek(0, io.SEEK_END)
        file.seek(max(0, end - _TAIL))
        if not _ends(size[1], file.read()):
            file.seek(0)
            load(file)
    return size[0], end


def decode(data: bytes, reduction: int = 1) -> np.ndarray:
    """(H, W, 3) uint8 RGB pixels; JPEG files can be decoded 2, 4 or 8 times smaller, which is
    faster than decoding and shrinking.

    Raises:
        ImageError: no image, or truncated.
    """
    kind = "JPEG" if data[:2] == b"\xff\xd8" else "PNG" if data[:4] == b"\x89PNG" else ""
    if not _ends(kind, data[-_TAIL:]):
        load(io.BytesIO(data))
    try:
        flag = _FLAGS[reduction if kind == "JPEG" else 1]
        flags = flag | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        pixels = load(io.BytesIO(data))[..., ::-1]
    if kind != "JPEG" and reduction > 1:
        height, width = pixels.shape[:2]
        small = (-(-width // reduction), -(-height // reduction))
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def load(file: BinaryIO) -> np.ndarray:
    """(H, W, 3) uint8 RGB, decoded whole by Pillow, which notices a truncated file."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            return np.array(image.convert("RGB"))
    except Exception as error:
        raise ImageError(f"{type(error).__name__}: {error}") from error


def decode_labels(data: bytes) -> np.ndarray:
    """(H, W) uint8 values of a mask file; where it has colours, the first channel.

    Raises:
        ImageError: no image of 8 bits, or truncated.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            values = np.array(image.convert("RGB") if image.mode == "P" else image)
    except Exception as error:
        raise ImageError(f"{type(error).__name__}: {error}") from error
    if values.dtype != np.uint8:
        raise ImageError(f"the mask holds {values.dtype} values, not 8-bit ones")
    return values if values.ndim == 2 else np.ascontiguousarray(values[..., 0])


def _size(file: BinaryIO) -> tuple[tuple[int, int], str]:
    from PIL import Image

    try:
        with Image.open(file) as image:
            # The file stays open: it was not opened by Pillow.
            return image.size, image.format or ""
    except Exception as error:
        # Damaged headers make Pillow's readers raise errors of many kinds.
        raise ImageError(f"{type(error).__name__}: {error}") from error


def _ends(kind: str, tail: bytes) -> bool:
    """Whether the end of the file is there; False where only decoding can tell."""
    end = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}.get(kind)
    return end is not None and end in tail
