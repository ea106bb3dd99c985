"""How fast samples are read, and what bounds it; what opening a large index costs.

    python -m benchmarks.perf.data

Prints Markdown. Sets are written from the embedded world (eight words a picture of 512 x 512), so
no data set is needed; files are in the page cache, so this measures the processor, not the disk.
Rates per core are per second of processor time; the loaders' rates are per second of the clock,
and are given as ratios too, since other work on the machine slows both sides alike.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dreamtext.configs.schema import from_dict
from dreamtext.configs.sections import DataConfig
from dreamtext.data import crop, images
from dreamtext.data.index import IMAGES, VERSION, WORDS, open_index
from dreamtext.data.packing import pack
from dreamtext.data.prepare import prepare
from dreamtext.data.prepared import PreparedDataset
from dreamtext.data.writers import WRITERS, scenes, write

SIZES = {"512 x 512": (512, 512, 0.04), "32 x 64": (32, 64, 0.35)}


def make_sets(folder: Path, pictures: int) -> None:
    """Every layout, prepared, in `folder/NAME`, and packed in `folder/NAME-packed`."""
    from dreamtext.data.embedded.world import EmbeddedWorld

    world = EmbeddedWorld(DataConfig(train_size=pictures * 8), "train")
    drawn = list(scenes(world, pictures, "train"))
    for name in WRITERS:
        write(name, folder / name, drawn)
        prepare(name, folder / name, progress=False)
        index = open_index(folder / name, name)
        pack(index, folder / f"{name}-packed", images=8, progress=False)


def opened(name: str, root: Path, size: str) -> PreparedDataset:
    height, width, area = SIZES[size]
    size_of = {"height": height, "width": width, "word_area": area}
    config = from_dict(DataConfig, {"name": name, "root": str(root), **size_of})
    return PreparedDataset(config, "train")


def cpu(work: Callable[[], Any]) -> float:
    """Seconds of processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def shares(dataset: PreparedDataset, count: int) -> dict[str, float]:
    """Seconds of processor time a sample, whole and by what is done."""
    chosen = [int(i) for i in np.linspace(0, len(dataset) - 1, count)]
    for i in chosen[:3]:
        dataset[i]
    parts = dict.fromkeys(("row", "read", "decode", "crop", "masks"), 0.0)
    config, form = dataset.config, dataset.format
    for i in chosen:
        marks = [time.process_time()]
        entry = dataset.index.entry(int(dataset.rows[i]))
        size = (config.width, config.height)
        window = crop.fit(entry.mark.quad, entry.size, size, config.word_area)
        marks.append(time.process_time())
        data = dataset.files.read(entry.image)
        marks.append(time.process_time())
        pixels = images.decode(data, window.reduction)
        marks.append(time.process_time())
        window.image(pixels)
        marks.append(time.process_time())
        form.characters(dataset.files, entry.image, entry.mark, entry.size, window)
        window.polygon(entry.mark.quad)
        marks.append(time.process_time())
        for name, spent in zip(parts, np.diff(marks), strict=True):
            parts[name] += spent / count
    return {"whole": cpu(lambda: [dataset[i] for i in chosen]) / count, **parts}


def loader_rate(dataset: PreparedDataset, workers: int, samples: int) -> float:
    """Samples a second of the clock through a DataLoader, without its start."""
    from torch.utils.data import DataLoader

    from dreamtext.data.sample import stack

    order = dataset.order(0, 0)
    batches = [order[np.arange(k, k + 16) % len(order)].tolist() for k in range(0, samples, 16)]
    # Addressed by index like torch's own, without inheriting from it.
    settings: dict[str, Any] = {"collate_fn": stack, "num_workers": workers}
    loader = iter(DataLoader(dataset, batch_sampler=batches, **settings))  # type: ignore[arg-type]
    next(loader)
    start = time.perf_counter()
    rest = sum(len(batch.image) for batch in loader)
    return rest / (time.perf_counter() - start)


def write_large_index(folder: Path, words: int) -> None:
    """An index of so many words as SynthText's looks like, four to an image, without the images."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with (
        pa.OSFile(str(folder / "images.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, IMAGES) as out,
    ):
        names = [f"{k % 200}/picture_{k:07d}.jpg" for k in range(words // 4)]
        sizes = [np.full(len(names), n) for n in (600, 450, 60_000)]
        columns = [
            pa.array(names),
            *(pa.array(s, t.type) for s, t in zip(sizes, list(IMAGES)[1:], strict=True)),
        ]
        out.write_batch(pa.record_batch(columns, schema=IMAGES))
    with pa.OSFile(str(folder / "words.arrow"), "wb") as sink, pa.ipc.new_file(sink, WORDS) as out:
        for start in range(0, words, 1 << 16):
            rows = np.arange(start, min(start + (1 << 16), words))
            text = ["letter"] * len(rows)
            quads = pa.array(rng.random(len(rows) * 8, np.float32) * 400)
            parts = pa.array(rng.random(len(rows) * 48, np.float32) * 400)
            offsets = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * 48)
            columns = [
                pa.array(rows // 4, pa.uint32()),
                pa.array(rows % 4, pa.uint32()),
                pa.array(text),
                pa.FixedSizeListArray.from_arrays(quads, 8),
                pa.ListArray.from_arrays(offsets, parts),
                pa.array(np.where(rows % 50 == 0, 2, 0), pa.uint8()),
                pa.array(np.full(len(rows), 6), pa.uint8()),
            ]
            out.write_batch(pa.record_batch(columns, schema=WORDS))

    report = {"version": VERSION, "name": "synthtext", "root": "..", "revision": "0" * 16}
    report |= {"words": words, "images": words // 4, "splits": {}}
    (folder / "index.json").write_text(json.dumps(report))


def open_large_index(root: Path) -> None:
    """Open, select a split and look up 1,000 words; print seconds and megabytes it took."""
    before, start = _resident_mb(), time.perf_counter()
    index = open_index(root, "synthtext")
    rows = index.rows("train")
    seconds, after = time.perf_counter() - start, _resident_mb()
    chosen = np.random.default_rng(0).choice(rows, 1000)
    found = time.perf_counter()
    for row in chosen:
        index.entry(int(row))
    lookup_us = (time.perf_counter() - found) * 1000
    print(
        f"{len(index):,} words: opened in {seconds * 1000:.0f} ms and {after - before:.0f} MB; "
        f"one word looked up in {lookup_us:.0f} us; process {_resident_mb():.0f} MB in all"
    )


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--samples", type=int, default=160)
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open:
        open_large_index(options.open)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sets(folder, options.pictures)
        print("| format | size | samples / CPU s | row | read | decode | crop | masks | bound by |")
        print("|---|---|---|---|---|---|---|---|---|")
        for layout in WRITERS:
            for size in SIZES:
                spent = shares(opened(layout, folder / layout, size), options.samples)
                whole = spent.pop("whole")
                total = sum(spent.values())
                cells = " | ".join(f"{v / total:.0%}" for v in spent.values())
                most = max(spent, key=spent.__getitem__)
                print(f"| {layout} | {size} | {1 / whole:.0f} | {cells} | {most} |", flush=True)
        print("\n| size | source | 0 workers / s | 2 workers / s | ratio |\n|---|---|---|---|---|")
        for size in SIZES:
            for source in ("laion_ocr", "laion_ocr-packed"):
                dataset = opened("laion_ocr", folder / source, size)
                rates = [loader_rate(dataset, w, 3 * options.samples) for w in (0, 2)]
                ratio = rates[1] / rates[0]
                row = f"| {size} | {source} | {rates[0]:.0f} | {rates[1]:.0f} | {ratio:.2f} |"
                print(row, flush=True)
        large = folder / "large"
        write_large_index(large / "dreamtext-index", options.words)
        command = [sys.executable, "-m", "benchmarks.perf.data", "--open", str(large)]
        print()
        sys.stdout.flush()
        subprocess.run(command, check=True, env=os.environ)


if __name__ == "__main__":
    main()
