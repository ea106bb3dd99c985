"""A study's contact sheets: the same words across variants, as one picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.launch.stages import config_of
from benchmarks.study import Cell, Study

if TYPE_CHECKING:
    from benchmarks.cells.gallery import Gallery


def sheet(
    study: Study, cells: Sequence[Cell], path: Path, *, task: str = "reconstruction", n: int = 8
) -> bool:
    """The same words across variants: the photograph, then a row a variant as painted by its
    first seed, each above its latent character masks; False if nothing was sampled."""
    from PIL import Image, ImageDraw, ImageFont

    chosen: dict[str, Cell] = {}
    for cell in cells:
        if cell.benchmark.name == task and cell.done:
            chosen.setdefault(cell.variant.name, cell)
    if not chosen:
        return False
    galleries = {name: cell.scored.gallery() for name, cell in chosen.items()}
    first = next(iter(galleries.values()))
    rows = [("photograph", first.pictures["truth"][:n])]
    for variant in study.variants:
        shown = galleries.get(variant.name)
        if shown is None or shown.ids[:n] != first.ids[:n]:  # of other samples: other words
            continue
        rows.append((variant.name, shown.pictures["composited"][:n]))
        if shown.maps:
            deviations = config_of(chosen[variant.name].sample).masks.threshold_std
            rows.append(("its masks", mask_pictures(shown, n, deviations)))
    height, width = rows[0][1].shape[1:3]
    scale = max(1, 128 // height)
    margin, gap = 20 + 8 * max(len(title) for title, _ in rows), 4
    size = (margin + n * (width * scale + gap), len(rows) * (height * scale + gap))
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    letters = ImageFont.load_default(size=15)
    for row, (title, pictures) in enumerate(rows):
        y = row * (height * scale + gap)
        pen.text((4, y + height * scale // 2 - 9), title, fill="black", font=letters)
        for column, picture in enumerate(pictures):
            big = Image.fromarray(picture).resize((width * scale, height * scale), 0)
            canvas.paste(big, (margin + column * (width * scale + gap), y))
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path)
    return True


def mask_pictures(gallery: "Gallery", n: int, deviations: float) -> np.ndarray:
    """(n, H, W, 3) true pictures with latent character masks over them, one hue a character: where
    the average attention at the middle noise level is above its mean + `deviations` x std."""
    levels = [name for name in gallery.maps if "/" not in name]
    average = gallery.maps[levels[len(levels) // 2]][:n]
    mean = average.mean(axis=(2, 3), keepdims=True)
    masks = average > mean + deviations * average.std(axis=(2, 3), ddof=1, keepdims=True)
    for own, word in zip(masks, gallery.words[:n], strict=True):
        own[len(word) :] = False
    pictures = gallery.pictures.get("target", gallery.pictures["truth"])
    return overlay(pictures[:n], masks)


def overlay(pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Colour (n, L, h, w) bool masks over darkened (n, H, W, 3) pictures."""
    from colorsys import hsv_to_rgb

    out = (pictures * 0.45).astype(np.float32)
    rows = np.arange(pictures.shape[1]) * masks.shape[2] // pictures.shape[1]
    columns = np.arange(pictures.shape[2]) * masks.shape[3] // pictures.shape[2]
    fine = masks[:, :, rows][:, :, :, columns]
    for place in range(masks.shape[1]):
        colour = np.array(hsv_to_rgb(place * 0.27 % 1, 0.9, 1.0)) * 255
        out[fine[:, place]] = 0.4 * out[fine[:, place]] + 0.6 * colour
    return out.round().astype(np.uint8)
