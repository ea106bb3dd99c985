"""A small pack of a sample folder: a few samples' pictures and attention, in less than a megabyte.

gallery.webp   a row a kind of picture (truth, target, raw, composited), a column a sample
gallery.json   the samples and words, and how the sheet is cut
gallery.npz    attention as bytes: `<t:g>` is A_bar (n, L, h, w), `<t:g>/<layer>` one layer;
               255 is each map's largest value, which stands in `top <name>` (n, L); where known
               `characters` (n, H, W), the true masks of the painted word, 1 its first character
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.samples.folder import ATTENTION, Record, SampleFolder, Unavailable

if TYPE_CHECKING:
    from dreamtext.configs.sections import MaskConfig

SHEET, ABOUT, MAPS = "gallery.webp", "gallery.json", "gallery.npz"
SHOWN = 24
_KINDS = ("truth", "target", "raw", "composited")
LIMIT = 1_000_000  # bytes of a pack
_TALLEST = 128  # pixels; taller pictures are made smaller
_CELLS = 16  # a layer's map has at most as many cells a side
_TOP = "top "
_CHARACTERS = "characters"
_QUALITY = 90  # of WebP: for looking at, not for scoring


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A few samples of a folder, as they are shown.

    Attributes:
        ids, source_words, words: of each sample; the word that stood there, and the painted one.
        pictures: (n, H, W, 3) uint8 by kind.
        maps: attention (n, L, h, w) float32 in 0..1: A_bar by noise level (`0.6`), each layer at
            the middle level (`0.6/<layer>`); empty where none was saved.
        characters: (n, H, W) uint8 index maps, where i + 1 is the painted word's i-th character; 0
            everywhere of a sample whose true masks are unknown, None where all are.
    """

    ids: list[str]
    source_words: list[str]
    words: list[str]
    pictures: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]
    characters: np.ndarray | None = None


def collect(folder: Path, masks: "MaskConfig", n: int = SHOWN) -> Gallery:
    """`n` samples spread evenly over a sample folder."""
    samples = SampleFolder(folder)
    lines = samples.lines  # what a system does not support too: a sheet's columns are the same
    places = np.unique(np.linspace(0, len(lines) - 1, min(n, len(lines))).round().astype(int))
    records = [lines[i] for i in places]
    pictures = {
        source: _stack([_picture(folder / source / f"{r.id}.png") for r in records])
        for source in _KINDS
        if (folder / source).is_dir()
    }
    longest = max(max(len(r.word), len(r.source_word)) for r in records)
    return Gallery(
        ids=[r.id for r in records],
        source_words=[r.source_word for r in records],
        words=[r.word for r in records],
        pictures=pictures,
        maps=_maps(samples, places, longest, masks) if (folder / ATTENTION).exists() else {},
        characters=_characters(samples, records, next(iter(pictures.values())).shape[1:3]),
    )


def write(gallery: Gallery, folder: Path) -> None:
    """The pack's three files; fewer samples than given where they would not fit into `LIMIT`."""
    while True:
        _write(gallery, folder)
        size = sum((folder / name).stat().st_size for name in (SHEET, ABOUT, MAPS))
        if size <= LIMIT or len(gallery.ids) == 1:
            return
        gallery = _first(gallery, max(1, len(gallery.ids) * 2 // 3))


def read(folder: Path) -> Gallery:
    """A gallery from its pack."""
    from PIL import Image

    about = json.loads((folder / ABOUT).read_text())
    height, width = about["size"]
    with Image.open(folder / SHEET) as image:
        sheet = np.asarray(image.convert("RGB"))
    n = len(about["ids"])
    rows = sheet.reshape(len(about["sources"]), height, n, width, 3).swapaxes(1, 2)
    with np.load(folder / MAPS, allow_pickle=False) as arrays:
        maps = {
            name: arrays[name] / np.float32(255) * arrays[_TOP + name][..., None, None]
            for name in arrays.files
            if not name.startswith((_TOP, _CHARACTERS))
        }
        characters = arrays.get(_CHARACTERS)
    return Gallery(
        ids=about["ids"],
        source_words=about["source_words"],
        words=about["words"],
        pictures=dict(zip(about["sources"], rows, strict=True)),
        maps=maps,
        characters=characters,
    )


def _write(gallery: Gallery, folder: Path) -> None:
    from PIL import Image

    rows = [np.concatenate(list(part), axis=1) for part in gallery.pictures.values()]
    Image.fromarray(np.concatenate(rows)).save(folder / SHEET, quality=_QUALITY, method=6)
    about: dict[str, Any] = {
        "sources": list(gallery.pictures),
        "size": list(next(iter(gallery.pictures.values())).shape[1:3]),
        "ids": gallery.ids,
        "source_words": gallery.source_words,
        "words": gallery.words,
    }
    (folder / ABOUT).write_text(json.dumps(about) + "\n")
    arrays: dict[str, np.ndarray] = {}
    if gallery.characters is not None:
        arrays[_CHARACTERS] = gallery.characters
    for name, maps in gallery.maps.items():
        top = maps.max(axis=(2, 3)).astype(np.float32)
        scaled = maps / np.maximum(top, 1e-12)[..., None, None]
        arrays |= {name: (scaled * 255).round().astype(np.uint8), _TOP + name: top}
    np.savez_compressed(folder / MAPS, allow_pickle=False, **arrays)


def _first(gallery: Gallery, n: int) -> Gallery:
    return Gallery(
        ids=gallery.ids[:n],
        source_words=gallery.source_words[:n],
        words=gallery.words[:n],
        pictures={k: v[:n] for k, v in gallery.pictures.items()},
        maps={k: v[:n] for k, v in gallery.maps.items()},
        characters=None if gallery.characters is None else gallery.characters[:n],
    )


def _picture(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _stack(pictures: list[np.ndarray]) -> np.ndarray:
    """(n, H, W, 3) of one size, that of the first one, at most `_TALLEST` high."""
    from PIL import Image

    height, width = pictures[0].shape[:2]
    scale = min(1.0, _TALLEST / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if all(p.shape[:2] == (size[1], size[0]) for p in pictures):
        return np.stack(pictures)
    return np.stack([np.asarray(Image.fromarray(p).resize(size)) for p in pictures])


def _characters(
    samples: SampleFolder, records: list[Record], size: tuple[int, int]
) -> np.ndarray | None:
    """True index maps (n, height, width) of these lines; None where there are none at all."""
    from PIL import Image

    try:
        maps, known = samples.characters
    except Unavailable:
        return None
    places = {record.id: place for place, record in enumerate(samples.records)}
    found = np.zeros((len(records), *size), np.uint8)
    for own, record in zip(found, records, strict=True):
        place = places.get(record.id)
        if place is not None and known[place]:
            nearest = Image.Resampling.NEAREST
            own[:] = np.asarray(Image.fromarray(maps[place]).resize(size[::-1], nearest))
    return found if found.any() else None


def _maps(
    samples: SampleFolder, places: np.ndarray, longest: int, masks: "MaskConfig"
) -> dict[str, np.ndarray]:
    """A_bar at every saved level, and every layer at the middle one."""
    import torch

    from dreamtext.objective.masks import average_attention

    levels = samples.attention_meta["timesteps"]
    found = {}
    for level in levels:
        layers = {
            name: torch.from_numpy(maps[places, :longest]).float()
            for name, maps in samples.attention(level).items()
        }
        found[f"{level:g}"] = _small(average_attention(layers, masks), 2 * _CELLS)
        if level == levels[len(levels) // 2]:
            found |= {f"{level:g}/{name}": _small(maps, _CELLS) for name, maps in layers.items()}
    return found


def _small(maps: Any, cells: int) -> np.ndarray:
    """(n, L, h, w) with at most `cells` a side."""
    from torch.nn.functional import adaptive_avg_pool2d

    size = (min(cells, maps.shape[-2]), min(cells, maps.shape[-1]))
    return adaptive_avg_pool2d(maps, size).numpy()
