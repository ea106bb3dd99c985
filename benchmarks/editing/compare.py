"""What the photograph's colours are worth: edits of embedded samples, whose truth is known.

`python -m benchmarks.editing.compare OUT [MODEL]` writes a sheet, a row a sample: the picture, the
model's picture laid in, its letters on the photograph's ground, the truth; and prints how far each
is from the truth inside the region (mean absolute difference, 0 to 255).
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.editing.edit import EMBEDDED_MODEL
from benchmarks.editing.painting import paint
from benchmarks.editing.region import Place
from dreamtext.files import written_whole

_SAMPLES, _SCALE, _HEAD_PX = 20, 2, 22
_COLUMNS = ("the picture", "--colours model", "--colours photograph (default)", "the truth")


def main(
    out: Path, model_folder: Path = EMBEDDED_MODEL, samples: int = _SAMPLES
) -> tuple[float, float]:
    """Write the sheet and print the distances, which are returned: of the model's picture, and of
    its letters in the photograph's colours."""
    import cv2
    from PIL import Image, ImageDraw
    from tqdm import tqdm

    from benchmarks.runs.manifest import Benchmark, draw, open_samples
    from dreamtext.weights.checkpoints import load_model

    model = load_model(model_folder)
    data = model.config.data
    manifest = draw(data, Benchmark(task="editing", n=samples))
    dataset = open_samples(data, manifest)
    rows, distances = [], []
    for entry in tqdm(manifest.entries, desc="editing", unit=" samples"):
        sample, target = dataset[entry.index], dataset.target(entry.index, entry.word)
        assert target is not None  # the embedded world draws any word
        place = Place(sample.quad.astype(np.float64))
        ways = [
            paint(model, sample.image, place, entry.word, [entry.noise_seed], colours)[0]
            for colours in ("model", "photograph")
        ]
        inside = place.mask(*sample.region.shape)
        distances.append([np.abs(way.astype(float) - target.image)[inside].mean() for way in ways])
        pictures = [sample.image, *ways, target.image]
        rows.append(np.concatenate(pictures, axis=1))
    sheet = np.concatenate(rows)
    size = (sheet.shape[1] * _SCALE, sheet.shape[0] * _SCALE)
    head = Image.new("RGB", (size[0], _HEAD_PX), "white")
    for number, name in enumerate(_COLUMNS):
        ImageDraw.Draw(head).text((number * size[0] // len(_COLUMNS) + 4, 4), name, "black")
    enlarged = cv2.resize(sheet, size, interpolation=cv2.INTER_NEAREST)
    with written_whole(out) as beside:
        Image.fromarray(np.concatenate([np.asarray(head), enlarged])).save(beside, optimize=True)
    model_way, photograph_way = (float(value) for value in np.mean(distances, axis=0))
    print(
        f"{len(rows)} samples, distance to the truth inside the region: the model's picture "
        f"{model_way:.1f}, its letters in the photograph's colours {photograph_way:.1f}; {out}"
    )
    return model_way, photograph_way


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else EMBEDDED_MODEL)
