"""Cutting the word out of an image: along the axes, as the papers do, or straightened."""

import math

import numpy as np

from benchmarks.samples.folder import Record


def axis_aligned(image: np.ndarray, record: Record) -> np.ndarray:
    """(h, w, 3): the unpadded box of the region (UDiffText, released DreamText)."""
    x0, y0, x1, y1 = record.box
    return image[y0:y1, x0:x1]


def rectified(image: np.ndarray, record: Record) -> np.ndarray:
    """(h, w, 3): the word's quad straightened to a rectangle with its mean sides (AnyText)."""
    import cv2

    quad = np.array(record.quad, np.float32)
    top, right, bottom, left = (
        math.dist(quad[a], quad[b]) for a, b in ((0, 1), (1, 2), (2, 3), (3, 0))
    )
    width, height = max(2, round((top + bottom) / 2)), max(2, round((left + right) / 2))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    transform = cv2.getPerspectiveTransform(quad, corners)
    return cv2.warpPerspective(
        image, transform, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


CROPS = {"axis": axis_aligned, "rectified": rectified}
