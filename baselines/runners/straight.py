"""A word's straightened crop, for systems that edit crops, and the way back into the picture."""

import cv2
import numpy as np


def straightened(request, width, height):
    """(height, width, 3) uint8: the word's quad of the request's image as a rectangle."""
    return cv2.warpPerspective(
        request.open("image"),
        cv2.getPerspectiveTransform(request.quad, _corners(width, height)),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def pasted_back(request, crop):
    """(H, W, 3) float: the request's image with an edited crop of any size in the word's quad."""
    image = request.open("image")
    height, width = crop.shape[:2]
    back = cv2.getPerspectiveTransform(_corners(width, height), request.quad)
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpPerspective(
        crop, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpPerspective(np.ones((height, width), np.float32), back, size)[..., None]
    return (image + inside * (moved.astype(np.float32) - image)).round().clip(0, 255)


def _corners(width, height):
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
