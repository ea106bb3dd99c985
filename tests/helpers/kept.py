"""Kept cells with drawn pictures and known values: what reports are made of, without training."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.cells import gallery, reader
from benchmarks.runs.folder import SCORES
from benchmarks.study import Cell, Study
from dreamtext.files import file_hash, write_json

LAYERS = ("down_blocks.0.attentions.0", "up_blocks.1.attentions.1")
_WORDS = ("COMB", "KEPT", "OAK", "TREE", "SUN", "MAZE", "FROG", "VQX", "ZEBU", "HAT")
_METRICS = (
    *("SeqAcc/raw", "SeqAcc/composited", "SeqAcc-ci/raw", "NED/raw", "NED/composited", "mIoU"),
    "KID-EffNetLite0/raw",
)
_STYLES = ("sans", "serif", "display", "script")


def keep_all(study: Study, store: Path, *, n: int = 48, shown: int = 12) -> list[Cell]:
    """Every cell of a study, as if it had been run and kept; later variants are better ones.

    Args:
        n: samples a cell.   shown: those of its gallery.
    """
    cells = study.cells(store / "no runs", store)
    names = [variant.name for variant in study.variants]
    for cell in cells:
        if cell.kept:  # another study has the very same one
            continue
        skill = 0.2 + 0.6 * names.index(cell.variant.name) / max(1, len(names) - 1)
        keep(cell, store, skill=skill, n=n, shown=shown)
    return cells


def keep(cell: Cell, store: Path, *, skill: float, n: int = 48, shown: int = 12) -> None:
    """Write one cell's compact form.

    Args:
        skill: share of words that are read.
    """
    rng = np.random.default_rng(int(cell.score.name[-6:], 16))
    folder = store / cell.score.name
    folder.mkdir(parents=True, exist_ok=True)
    images = _images(rng, skill, n, cell.benchmark.task)
    (folder / SCORES).write_text(json.dumps(_scores(cell, images)) + "\n")
    images.to_parquet(folder / reader.PER_IMAGE)
    log = "".join(json.dumps(line) + "\n" for line in _log(skill, bool(cell.train)))
    (folder / reader.LOG).write_bytes(gzip.compress(log.encode(), mtime=0))
    gallery.write(_gallery(rng, images[:shown], bool(cell.train)), folder)
    hashes = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
    specs = {run.stage: run.spec for run in cell.runs}
    provenance = {
        run.stage: {
            "git": {"revision": "0" * 40, "clean": True},
            "packages": {"numpy": np.__version__},
            "machine": {"processor": "x86_64", "cores": 2},
            "seconds": {"train": 300.0, "sample": 20.0, "score": 10.0}[run.stage],
        }
        for run in cell.runs
    }
    about = {"runs": specs, "provenance": provenance, "sha256": hashes}
    write_json(folder / reader.CELL, about)


def _images(rng: np.random.Generator, skill: float, n: int, task: str) -> pd.DataFrame:
    lines = []
    for i in range(n):
        word = _WORDS[i % len(_WORDS)]
        read = bool(rng.random() < skill)
        seen = word if read else "I" + word[1:]
        other = "0" + word[1:] if i % 4 == 1 else word if i % 4 == 3 else seen  # the second judge
        lines.append(
            {
                "id": f"{i:04d}",
                "word": word,
                "source_word": word if task == "reconstruction" else word[::-1],
                "source": f"photograph-{i % 7}",
                "word_kind": "random" if word == "VQX" else "vocabulary",
                "font": f"font-{i % 5}",
                "font_style": _STYLES[i % 4],
                "font_seen": i % 2 == 0,
                "status": "ok",
                "reason": "",
                **{f"reading/{kind}": seen for kind in ("raw", "composited")},
                **{f"second_reading/{kind}": other for kind in ("raw", "composited")},
                **{f"SeqAcc/{kind}": float(read) for kind in ("raw", "composited")},
                "SeqAcc-second/raw": float(other == word),
                "SeqAcc-ci/raw": float(read),
                "NED/raw": 1.0 if read else 1 - 1 / len(word),
                "NED/composited": 1.0 if read else 1 - 1 / len(word),
                "mIoU": float(np.clip(skill * 0.7 + 0.1 * rng.standard_normal(), 0, 1)),
            }
        )
    return pd.DataFrame(lines).set_index("id")


def _scores(cell: Cell, images: pd.DataFrame) -> list[dict[str, Any]]:
    asked = cell.score.identity["metrics"]
    rows = []
    for metric in (
        "SeqAcc/raw",
        "SeqAcc/composited",
        "SeqAcc-ci/raw",
        "NED/raw",
        "mIoU",
        "KID-EffNetLite0/raw",
    ):
        value = float(images[metric].mean()) if metric in images else 0.1
        rows.append(
            {
                "metric": metric,
                "value": value,
                "low": value - 0.05,
                "high": value + 0.05,
                "n": len(images),
                "backbone": "a judge",
                "version": asked.get(metric, 1),
                "direction": "lower" if metric.startswith("KID") else "higher",
                "unit": "distance" if metric.startswith("KID") else "fraction",
                "reason": "",
                "warnings": [],
                "details": {},
            }
        )
    return rows


def _log(skill: float, trained: bool) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for step in range(100, 700, 100) if trained else ():
        share = skill * step / 600
        lines.append({"step": step, "total": 1 - share, "steps_per_s": 4.0, "cpu_s": step / 4})
        lines.append(
            {"step": step, "validation_miou": 0.7 * share, "validation_SeqAcc": 0.9 * share}
        )
    return lines


def _gallery(rng: np.random.Generator, images: pd.DataFrame, maps: bool) -> gallery.Gallery:
    n, height, width = len(images), 32, 64
    truth = rng.integers(90, 160, (n, 1, 1, 3)) + np.zeros((n, height, width, 3))
    characters = np.zeros((n, height, width), np.uint8)
    for own, word in zip(characters, images.word, strict=True):
        for place in range(len(word)):
            own[8:24, 4 + 14 * place : 14 + 14 * place] = place + 1
    painted = np.where(characters[..., None] > 0, 240, truth)
    kinds: Sequence[str] = ("truth", "raw", "composited")
    longest = max(map(len, images.word))
    one_hot = characters[:, None] == np.arange(1, longest + 1)[:, None, None]
    small = one_hot.reshape(n, longest, 16, 2, 32, 2).mean((3, 5)).astype(np.float32)
    levels = {f"{t:g}": small * 0.5 + 0.01 * rng.random(small.shape) for t in (0.3, 0.6, 0.9)}
    layers = {f"0.6/{name}": small[..., ::2, ::2] * 0.5 for name in LAYERS}
    return gallery.Gallery(
        ids=list(images.index),
        source_words=list(images.source_word),
        words=list(images.word),
        pictures={kind: painted.astype(np.uint8) for kind in kinds},
        maps={**levels, **layers} if maps else {},
        characters=characters,
    )
