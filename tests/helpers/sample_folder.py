"""Folders of samples for the tests of metrics: the embedded world, painted over on purpose."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from dreamtext.configs.sections import DataConfig
from dreamtext.data.embedded.world import render

TIMESTEPS = (0.3, 0.6)


def write_folder(
    path: Path,
    count: int = 6,
    *,
    paint=None,
    word=None,
    config: DataConfig | None = None,
) -> Path:
    """Write `count` samples; `paint` maps (image, sample) to the painted image (default: truth).

    `word` maps a sample's word to the painted one (default: the same word).
    """
    samples = [render(config or DataConfig(), "validation", i) for i in range(count)]
    for source in ("truth", "raw", "composited"):
        (path / source).mkdir(parents=True)
    lines = []
    for number, sample in enumerate(samples):
        painted = sample.image if paint is None else paint(sample.image, sample)
        inside = np.where(sample.region[..., None], painted, sample.image)
        pictures = {"truth": sample.image, "raw": painted, "composited": inside}
        for source, pixels in pictures.items():
            Image.fromarray(pixels).save(path / source / f"{sample.id}.png")
        rows, columns = np.nonzero(sample.region)
        line = {
            "id": sample.id,
            "source_word": sample.word,
            "word": word(sample.word) if word else sample.word,
            "box": [int(v) for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)],
            "quad": sample.quad.tolist(),
            "noise_seed": number,
        }
        lines.append(json.dumps(line) + "\n")
    (path / "samples.jsonl").write_text("".join(lines))
    (path / "manifest.json").write_text(json.dumps({"dataset": "embedded"}))
    maps = np.stack([sample.characters for sample in samples])
    np.savez_compressed(path / "truth.npz", characters=maps, has_characters=np.ones(count, bool))
    return path


def write_attention(
    path: Path, maps: dict[str, np.ndarray], later: dict[str, np.ndarray] | None = None
) -> None:
    """Save `maps` (layer -> (N, L, h, w)) as the attention of every one of `TIMESTEPS`, or of the
    first if those of the second are given."""
    by_time = zip(TIMESTEPS, (maps, later or maps), strict=True)
    keyed = {f"{t:g}/{n}": m.astype(np.float16) for t, own in by_time for n, m in own.items()}
    np.savez_compressed(path / "attention.npz", **keyed)
    layers = {name: list(m.shape[-2:]) for name, m in maps.items()}
    meta = {"timesteps": list(TIMESTEPS), "layers": layers}
    (path / "attention.json").write_text(json.dumps(meta))
