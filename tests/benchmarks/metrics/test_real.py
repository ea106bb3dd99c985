"""SeqAcc on words of real LAION-OCR samples, where they lie beside the project; else skipped."""

import json

import numpy as np
import pytest
import torch
from helpers.paths import REAL
from PIL import Image

from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import score_samples
from dreamtext.data.laion_ocr import LaionOcr

torch.set_num_threads(1)

ROOT = REAL / "laion_ocr"


def words(root):
    """(image's path, word, quad) of every annotated word; the labels are a machine's."""
    reader = LaionOcr()
    for item in reader.items(root):
        for mark in reader.read(root, item).marks:
            yield root / item / "image.jpg", mark.word, mark.quad


def write_words(root, path):
    """A folder of samples, one a word, whose painted images are the real ones."""
    lines = []
    for source in ("truth", "raw"):
        (path / source).mkdir(parents=True)
    for number, (file, word, quad) in enumerate(words(root)):
        image = Image.open(file).convert("RGB")
        scaled = quad * np.array(image.size) / 512
        for source in ("truth", "raw"):
            image.save(path / source / f"{number}.png")
        low = np.clip(np.floor(scaled.min(0)), 0, None).astype(int).tolist()
        high = np.minimum(np.ceil(scaled.max(0)), image.size).astype(int).tolist()
        quad = scaled.tolist()
        line = {"id": str(number), "source_word": word, "word": word, "box": low + high}
        lines.append(json.dumps({**line, "quad": quad}) + "\n")
    (path / "samples.jsonl").write_text("".join(lines))
    return path


@pytest.mark.skipif(not ROOT.is_dir(), reason=f"no real LAION-OCR samples at {ROOT}")
def test_the_judge_reads_real_words(tmp_path):
    folder = write_words(ROOT, tmp_path / "samples")
    names = ("SeqAcc-ci/raw", "SeqAcc-ci/truth", "SeqAcc-ci-rectified/raw", "NED-rectified/raw")
    found = {s.metric: s for s in score_samples(folder, names, Options(cache=tmp_path))}
    assert found["SeqAcc-ci/raw"].value == found["SeqAcc-ci/truth"].value > 0.5
    assert found["SeqAcc-ci-rectified/raw"].value > 0.5
    assert found["NED-rectified/raw"].value > 0.7
