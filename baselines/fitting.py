"""A request brought to the size a system paints at, and its picture back."""

from dataclasses import replace

import cv2
import numpy as np

from baselines.request import Request


class Fitted:
    """A request brought to a system's native size: edges repeated to its shape, then resized."""

    def __init__(self, request: Request, size: tuple[int, int] | None) -> None:
        self.original = request
        height, width = request.image.shape[:2]
        if size is None or size == (height, width):
            self.padding, self.request = (0, 0, 0, 0), request
            return
        scale = min(size[0] / height, size[1] / width)
        spare_h = max(round(size[0] / scale) - height, 0)
        spare_w = max(round(size[1] / scale) - width, 0)
        top, left = spare_h // 2, spare_w // 2
        self.padding = (top, spare_h - top, left, spare_w - left)
        rows, columns = self.padding[:2], self.padding[2:]
        image = np.pad(request.image, (rows, columns, (0, 0)), mode="edge")
        region = np.pad(request.region.astype(np.uint8), (rows, columns))
        shape = (size[1], size[0])
        stretch = np.array([size[1] / image.shape[1], size[0] / image.shape[0]], np.float32)
        self.request = replace(
            request,
            image=cv2.resize(image, shape, interpolation=_method(scale)),
            region=cv2.resize(region, shape, interpolation=cv2.INTER_NEAREST) > 0,
            quad=((request.quad + np.array([left, top], np.float32)) * stretch).astype(np.float32),
        )

    def back(self, image: np.ndarray) -> np.ndarray:
        """A picture at the native size -> one of the original request's size."""
        height, width = self.original.image.shape[:2]
        if self.request is self.original:
            return image
        top, bottom, left, right = self.padding
        whole = (width + left + right, height + top + bottom)
        shrunk = whole[0] / image.shape[1]
        full = cv2.resize(image, whole, interpolation=_method(shrunk))
        return np.ascontiguousarray(full[top : top + height, left : left + width])


def _method(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
