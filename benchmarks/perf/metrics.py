"""Seconds per 1,000 samples of each metric, and the ratio to the straightforward library call.

    python -m benchmarks.perf.metrics [--n 128]

Both sides run in this process, on one thread, over the same folder of samples drawn from the
embedded world (32 x 64, the painted images being the real ones under noise). The last block times
the mask laboratory at the same size and at 64 x 64 cells.
"""

import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import typer

SIZE = (8, 16)


def main(n: int = 128, seed: int = 0) -> None:
    """Draw `n` samples, time every metric and its library's own call, print a table."""
    import torch

    from benchmarks.metrics.detectors.efficientnet import efficientnet
    from benchmarks.metrics.options import Options
    from benchmarks.metrics.registry import score_samples

    torch.set_num_threads(1)
    efficientnet()  # loading is not what is timed
    with tempfile.TemporaryDirectory() as place:
        folder = draw(Path(place) / "samples", n, seed)
        cache, everything = Path(place) / "cache", Path(place) / "everything"
        print(f"{'metric':34} {'s / 1,000':>10} {'library':>10} {'ratio':>7}")
        for name, ours, theirs in pairs(folder, cache):
            cost, other = (seconds(f) / n * 1000 for f in (ours, theirs))
            print(f"{name:34} {cost:10.2f} {other:10.2f} {cost / other:7.2f}", flush=True)
        again = seconds(lambda: _score(folder, cache, "SeqAcc/raw")) / n * 1000
        print(f"{'SeqAcc, readings kept':34} {again:10.2f}", flush=True)
        for what in ("all default metrics", "all of them, readings kept"):
            cost = seconds(lambda: score_samples(folder, None, Options(cache=everything)))
            print(f"{what:34} {cost / n * 1000:10.2f}", flush=True)
        laboratory(folder, n)


def draw(path: Path, n: int, seed: int) -> Path:
    """A folder of samples with attention: ground truth under noise, as two layers."""
    import torch
    from PIL import Image

    from dreamtext.configs.sections import DataConfig
    from dreamtext.data.embedded.world import render
    from dreamtext.objective.masks import ground_truth_masks

    rng = np.random.default_rng(seed)
    lines, maps = [], []
    for source in ("truth", "raw", "composited"):
        (path / source).mkdir(parents=True)
    for i in range(n):
        sample = render(DataConfig(), "validation", i)
        noisy = np.clip(sample.image + rng.normal(0, 15, sample.image.shape), 0, 255)
        Image.fromarray(sample.image).save(path / "truth" / f"{i}.png")
        for source in ("raw", "composited"):
            Image.fromarray(noisy.astype(np.uint8)).save(path / source / f"{i}.png")
        rows, columns = np.nonzero(sample.region)
        box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
        line = {"id": str(i), "source_word": sample.word, "word": sample.word, "box": box}
        lines.append(json.dumps({**line, "quad": sample.quad.tolist()}) + "\n")
        maps.append(sample.characters)
    (path / "samples.jsonl").write_text("".join(lines))
    characters = np.stack(maps)
    np.savez(path / "truth.npz", characters=characters, has_characters=np.ones(n, bool))
    truth = ground_truth_masks(torch.from_numpy(characters), 12, SIZE).numpy()
    attention = {}
    for layer in ("down", "up"):
        drawn = 0.6 * truth + 0.4 * rng.random(truth.shape)
        for timestep in (0.3, 0.6, 0.9):
            attention[f"{timestep:g}/{layer}"] = drawn.astype(np.float16)
    np.savez(path / "attention.npz", allow_pickle=False, **attention)
    meta = {"timesteps": [0.3, 0.6, 0.9], "layers": {"down": list(SIZE), "up": list(SIZE)}}
    (path / "attention.json").write_text(json.dumps(meta))
    return path


def pairs(folder: Path, cache: Path) -> list[tuple[str, Callable, Callable]]:
    """Name, our metric on the folder, and the library's own call on the same images."""
    import torch
    from cleanfid.fid import fid_from_feats
    from torchmetrics.segmentation import MeanIoU

    from benchmarks.metrics.crops import axis_aligned
    from benchmarks.metrics.detectors.efficientnet import efficientnet
    from benchmarks.metrics.frechet import frechet_distance
    from benchmarks.metrics.judges.paddle import packaged_judge
    from benchmarks.metrics.overlap import truth_at
    from benchmarks.samples.folder import SampleFolder
    from dreamtext.configs.sections import MaskConfig
    from dreamtext.objective.masks import average_attention, latent_character_masks

    samples = SampleFolder(folder)
    reader = packaged_judge("PP-OCRv6-small", cache)
    reader.read([np.zeros((32, 64, 3), np.uint8)])  # loads the model
    features = np.random.default_rng(0).normal(size=(2, len(samples), 1280))

    def recognise() -> None:
        for source in ("truth", "raw"):
            images = samples.images(source)
            for image, record in zip(images, samples.records, strict=True):
                crop = axis_aligned(image, record)[..., ::-1]
                list(reader._recognition.predict(np.ascontiguousarray(crop)))

    def one_by_one() -> None:
        network = efficientnet()
        for images in zip(samples.images("raw"), samples.images("truth"), strict=True):
            (a, _), (b, _) = (network.blocks([image]) for image in images)
            network.distance(a, b)

    def torchmetrics_iou() -> None:
        config = MaskConfig()
        truth, tokens = truth_at(samples, SIZE)
        for timestep in (0.3, 0.6, 0.9):
            maps = {k: torch.from_numpy(v).float() for k, v in samples.attention(timestep).items()}
            found = latent_character_masks(average_attention(maps, config), tokens, config)
            for masks, real, ids in zip(found, truth, tokens, strict=True):
                metric = MeanIoU(num_classes=1, input_format="one-hot")
                own = ids != 0
                metric.update(masks[own][:, None].int(), real[own][:, None].int())
                metric.compute()

    return [
        (
            "SeqAcc (PaddleOCR, crop by crop)",
            lambda: _score(folder, cache, "SeqAcc/raw"),
            recognise,
        ),
        ("effdist (one pair at a time)", lambda: _score(folder, cache, "effdist/raw"), one_by_one),
        (
            "mIoU, 3 timesteps (torchmetrics)",
            lambda: _score(folder, cache, "mIoU"),
            torchmetrics_iou,
        ),
        (
            "Frechet distance (clean-fid)",
            lambda: frechet_distance(*features),
            lambda: fid_from_feats(*features),
        ),
    ]


def laboratory(folder: Path, n: int) -> None:
    """The mask laboratory: seconds for 100 settings over 500 samples, by size of the masks."""
    from benchmarks.mask_lab.attention import Attention
    from benchmarks.mask_lab.sweep import BLURS, RULES, sweep
    from benchmarks.samples.folder import SampleFolder
    from dreamtext.configs.sections import MaskConfig

    for height, width in (SIZE, (64, 64)):
        masks = MaskConfig(height=height, width=width, min_size=8)
        attention = Attention(SampleFolder(folder), masks)
        settings = len(BLURS) * len(RULES)
        cost = seconds(partial(sweep, attention, timesteps=[0.6], layers=["all"]))
        scaled = cost / settings * 100 / n * 500
        print(
            f"masks sweep at {height} x {width}: {scaled:.1f} s for 100 settings over 500 samples "
            f"(from {settings} settings over {n})",
            flush=True,
        )


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process: other work on the machine hardly changes them."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _score(folder: Path, cache: Path, name: str) -> None:
    from benchmarks.metrics.options import Options
    from benchmarks.metrics.registry import score_samples

    (score,) = score_samples(folder, [name], Options(cache=cache))
    if score.value is None:
        raise RuntimeError(f"{name}: {score.reason}")


if __name__ == "__main__":
    typer.run(main)
