"""Pictures with exactly known words, corners and character masks, for the tests of the loaders."""

from pathlib import Path

import cv2
import numpy as np

from dreamtext.configs.sections import DataConfig
from dreamtext.data import crop
from dreamtext.data.annotation import Mark
from dreamtext.data.prepare import prepare
from dreamtext.data.prepared import PreparedDataset
from dreamtext.data.writers import Scene, write

SIZE = 512


def box(left: float, top: float, width: float, height: float, angle_deg: float = 0) -> np.ndarray:
    """(4, 2) corners, clockwise from the top left in text orientation."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    a = np.deg2rad(angle_deg)
    turned = half @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    centre = np.array([left + width / 2, top + height / 2])
    return (turned + centre).astype(np.float32)


WORD = ("HELLO", box(100, 100, 250, 60))


def scene(*words: tuple[str, np.ndarray], split: str = "train", masks: bool = True) -> Scene:
    """A noisy picture where each character is a solid block in its part of the word's box."""
    rng = np.random.default_rng(len(words))
    image = cv2.GaussianBlur(
        rng.integers(60, 200, (SIZE, SIZE, 3), dtype=np.uint8), (0, 0), sigmaX=2
    )
    characters: list[np.ndarray | None] = []
    for word, quad in words:
        known = np.zeros((SIZE, SIZE), np.uint8)
        across, down = quad[1] - quad[0], quad[3] - quad[0]
        for k in range(len(word)):
            start = quad[0] + across * (k + 0.15) / len(word) + down * 0.1
            end = quad[0] + across * (k + 0.85) / len(word) + down * 0.1
            block = np.array([start, end, end + 0.8 * down, start + 0.8 * down])
            if k < 255:
                crop.fill(known, block, k + 1)
        image[known > 0] = 250
        characters.append(known if masks else None)
    return Scene(split, image, tuple(Mark(w, q) for w, q in words), tuple(characters))


def prepared(name: str, root: Path, *pictures: Scene, **settings: object) -> dict:
    """Write pictures in a layout, prepare them, and return the report."""
    write(name, root, pictures)
    return prepare(name, root, progress=False, **settings)


def whole(name: str, root: Path, split: str = "train") -> PreparedDataset:
    """The set at full resolution, without zooming in."""
    return PreparedDataset(
        DataConfig(name=name, root=str(root), height=SIZE, width=SIZE, word_area=1e-6), split
    )


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boolean masks."""
    return float((a & b).sum() / max((a | b).sum(), 1))
