"""A small ScenePair folder, in the layout of TextCtrl's README."""

from pathlib import Path

import cv2
import numpy as np

PAIRS = {"0.png": ("OVER", "UNDER"), "1.jpg": ("Left", "Right"), "2.png": ("GO", "STOP!")}


def crop(word: str, width: int, height: int = 56, ground: int = 230) -> np.ndarray:
    """(height, width, 3) uint8: a word in a dark colour on a light ground."""
    picture = np.full((height, width, 3), ground, np.uint8)
    picture[..., 2] -= 30
    cv2.putText(picture, word, (8, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 60, 20), 3)
    return picture


def write_pairs(root: Path, *, photographs: bool = True) -> Path:
    """Three pairs, the first two of one photograph; the second crops are wider."""
    for folder in ("i_s", "t_f", "i_full"):
        (root / folder).mkdir(parents=True)
    for i, (name, (first, second)) in enumerate(PAIRS.items()):
        cv2.imwrite(str(root / "i_s" / name), crop(first, 120, ground=230 - 20 * i))
        cv2.imwrite(str(root / "t_f" / name), crop(second, 160, ground=230 - 20 * i))
    for photograph in ("street.jpg", "shop.jpg"):
        cv2.imwrite(str(root / "i_full" / photograph), crop("", 300, 200))
    for file, place in (("i_s", 0), ("i_t", 1)):
        lines = [f"{name} {words[place]}\n" for name, words in PAIRS.items()]
        (root / f"{file}.txt").write_text("".join(lines))
        seen = ("street.jpg", "street.jpg", "shop.jpg")
        if photographs:
            full = [
                f"{line.strip()} {photo} 1,2,3,4,5,6,7,8\n"
                for line, photo in zip(lines, seen, strict=True)
            ]
            (root / f"{file}_full.txt").write_text("".join(full))
    return root
