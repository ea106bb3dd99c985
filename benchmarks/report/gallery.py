"""A study's pictures for its page: sprites of what each variant painted and where it looked, and
what the page's script must know of every sample.

Made of the packs that scored cells keep (`benchmarks.cells.gallery`), the first seed of each
variant. A sprite has a column a sample; a row of its pictures is a kind, a row of its attention is
a map as transparent colour, one hue a character, to be laid over any of the pictures.
"""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.launch.stages import config_of
from benchmarks.study import Cell, Study

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.cells.gallery import Gallery

LIMIT = 20_000_000  # bytes of a study's sprites
FOLDER = "gallery"
TRUE_MASKS = "true masks"
_TOLD = ("font", "font_style", "font_seen", "word_kind", "source")
_KINDS = ("raw", "composited")
_QUALITY = 85


def hues(n: int) -> np.ndarray:
    """(n, 3) colours in 0..1 of the first n characters of a word; neighbours differ clearly."""
    from colorsys import hsv_to_rgb

    return np.array([hsv_to_rgb(place * 0.27 % 1, 0.85, 1.0) for place in range(n)])


def write(study: Study, cells: Sequence[Cell], folder: Path) -> dict[str, Any]:
    """Write the sprites into `folder/gallery`, anew.

    Returns:
        By task: the samples, and of each variant its sprites and readings; under `left_out` the
        variants whose sprites would have taken the study beyond `LIMIT`.
    """
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    tasks: dict[str, Any] = {}
    left_out: list[str] = []
    used = 0
    for cell in _first_seeds(study, cells):
        if used > LIMIT:
            left_out.append(f"{cell.variant.name}, {cell.benchmark.name}")
            continue
        pack, images = cell.scored.gallery(), cell.scored.per_image()
        task = tasks.setdefault(cell.benchmark.name, _task(pack, images, place))
        # Of other samples than the first variant's, it cannot be compared picture by picture.
        if pack.ids != [sample["id"] for sample in task["samples"]]:
            left_out.append(f"{cell.variant.name}, {cell.benchmark.name} (other or fewer samples)")
            continue
        found, size = _variant(cell, pack, images, place)
        used += size
        task["variants"].append(found)
    return {"tasks": tasks, "left_out": left_out, "hues": _css(hues(16))}


def _first_seeds(study: Study, cells: Sequence[Cell]) -> list[Cell]:
    first: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        if cell.done:
            first.setdefault((cell.benchmark.name, cell.variant.name), cell)
    return list(first.values())


def _task(pack: "Gallery", images: "pd.DataFrame", place: Path) -> dict[str, Any]:
    samples = []
    for name, word, source in zip(pack.ids, pack.words, pack.source_words, strict=True):
        row = images.loc[name]
        told = {key: _plain(row[key]) for key in _TOLD if key in images}
        samples.append({"id": name, "word": word, "source_word": source, **told})
    height, width = next(iter(pack.pictures.values())).shape[1:3]
    return {"size": [height, width], "of": len(images), "samples": samples, "variants": []}


def _variant(
    cell: Cell, pack: "Gallery", images: "pd.DataFrame", place: Path
) -> tuple[dict[str, Any], int]:
    rows = [np.concatenate(list(part), axis=1) for part in pack.pictures.values()]
    name = f"{cell.score.name}.webp"
    size = _save(np.concatenate(rows), place / name)
    own = images.loc[pack.ids]
    found: dict[str, Any] = {
        "name": cell.variant.name,
        "seed": cell.seed,
        "pictures": f"{FOLDER}/{name}",
        "kinds": list(pack.pictures),
        "read": {k: _column(own, f"reading/{k}") for k in _KINDS},
        "second": {k: _column(own, f"second_reading/{k}") for k in _KINDS},
        "right": {k: _column(own, f"SeqAcc/{k}") for k in _KINDS},
        "second_right": {k: _column(own, f"SeqAcc-second/{k}") for k in _KINDS},
        "likeness": {k: _column(own, f"NED/{k}") for k in _KINDS},
        "status": _column(own, "status"),
        "reason": _column(own, "reason"),
        "overlays": None,
        "maps": [],
    }
    overlays, titles = _overlays(pack, config_of(cell.sample).masks.threshold_std)
    if titles:
        name = f"{cell.score.name}-maps.webp"
        size += _save(overlays, place / name)
        found |= {"overlays": f"{FOLDER}/{name}", "maps": titles}
    return found, size


def _overlays(pack: "Gallery", deviations: float) -> tuple[np.ndarray, list[str]]:
    """(rows x h, n x w, 4) uint8 and the rows' titles: attention and masks of every map, and the
    true masks where they are known."""
    tile = max(
        [maps.shape[2:] for maps in pack.maps.values()],
        default=next(iter(pack.pictures.values())).shape[1:3],
    )
    if pack.characters is not None:
        tile = pack.characters.shape[1:]
    rows: list[np.ndarray] = []
    titles: list[str] = []
    lengths = np.array([len(word) for word in pack.words])
    for name, maps in pack.maps.items():
        inside = np.arange(maps.shape[1]) < lengths[:, None]
        maps = maps * inside[..., None, None]
        mean, std, most = (
            of(axis=(2, 3), keepdims=True)
            for of in (maps.mean, partial(maps.std, ddof=1), maps.max)
        )
        masks = maps > mean + deviations * std
        shares = maps / np.maximum(most, 1e-12)
        for kind, weights in (("attention", shares**2), ("masks", masks.astype(np.float32))):
            rows.append(_coloured(weights, tile))
            titles.append(f"{kind}/{name}")
    if pack.characters is not None:
        places = np.arange(1, int(lengths.max()) + 1)[:, None, None]
        rows.append(_coloured((pack.characters[:, None] == places).astype(np.float32), tile))
        titles.append(TRUE_MASKS)
    if not rows:
        return np.zeros((0, 0, 4), np.uint8), []
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows]), titles


def _coloured(weights: np.ndarray, tile: tuple[int, ...]) -> np.ndarray:
    """(n, *tile, 4) uint8 of (n, L, h, w) weights in 0..1: the characters' hues mixed by weight,
    as opaque as the heaviest."""
    ys = np.arange(tile[0]) * weights.shape[2] // tile[0]
    xs = np.arange(tile[1]) * weights.shape[3] // tile[1]
    colours = hues(weights.shape[1])
    mixed = np.einsum("nlhw,lc->nhwc", weights, colours)
    mixed /= np.maximum(weights.sum(1), 1e-9)[..., None]
    picture = np.concatenate([mixed, weights.max(1)[..., None]], -1)
    return (picture.clip(0, 1)[:, ys][:, :, xs] * 255).round().astype(np.uint8)


def _save(picture: np.ndarray, path: Path) -> int:
    from PIL import Image

    lossless = picture.shape[-1] == 4
    Image.fromarray(picture).save(path, quality=_QUALITY, method=2, lossless=lossless)
    return path.stat().st_size


def _column(images: "pd.DataFrame", name: str) -> list[Any]:
    if name not in images:
        return [None] * len(images)
    return [_plain(value) for value in images[name]]


def _plain(value: Any) -> Any:
    if value is None or value != value:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return round(float(value), 4) if isinstance(value, float | np.floating) else str(value)


def _css(colours: np.ndarray) -> list[str]:
    return [f"rgb({r} {g} {b})" for r, g, b in (colours * 255).round().astype(int)]
