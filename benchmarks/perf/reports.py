"""What a report of a large study costs: `python -m benchmarks.perf.reports [RUNS] [SAMPLES]`.

A study of so many scored runs (1,000 without), each on so many samples (50), is made up of a kept
cell's own pictures and of its values in another order, so that everything a page is made of is
there. Printed are the seconds of `study report` from kept cells, start of the interpreter included:
the first time, and again with the same scores; and the sizes of what a browser loads.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.cells import reader
from benchmarks.runs.folder import SCORES
from benchmarks.study import Cell, load_study
from dreamtext.errors import UserError
from dreamtext.files import file_hash, write_json
from dreamtext.places import results

SEEDS = 10
STUDY = """
from benchmarks.runs.manifest import Benchmark
from benchmarks.study import Study
from benchmarks.study.variants import axis
VARIANTS = axis("objective.gamma", [k / 100 for k in range({variants})])
STUDY = Study(name="large", question="How large may a study be?", seeds=tuple(range({seeds})),
              variants=VARIANTS, reference=VARIANTS[0].name, benchmarks=(Benchmark(n={samples}),))
"""


def main() -> None:
    runs, samples = (int(text) for text in (*sys.argv[1:], *("1000", "50")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        study, store, out = Path(folder) / "large.py", Path(folder) / "cells", Path(folder) / "out"
        text = STUDY.format(variants=max(1, runs // SEEDS), seeds=SEEDS, samples=samples)
        study.write_text(text)
        cells = load_study(str(study)).cells(Path(folder) / "runs", store)
        template = _template()
        for number, cell in enumerate(cells):
            _keep(cell, template, store, samples, np.random.default_rng(number))
        print(f"{len(cells)} cells of {samples} samples, {_size(store):.0f} MB kept")
        command = [sys.executable, "-m", "benchmarks.cli", "study", "report", str(study)]
        command += ["--runs", f"{folder}/runs", "--cells", str(store), "--out", str(out)]
        for what in ("first", "again"):
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
            print(f"{what}: {time.perf_counter() - began:.1f} s wall, {cpu:.1f} s CPU", flush=True)
        page = out / "report.html"
        sprites = _size(out / "gallery")
        print(f"{page.name} {page.stat().st_size / 1e6:.2f} MB, sprites {sprites:.1f} MB")
        print(f"peak memory {used.ru_maxrss / 1024:.0f} MiB")


def _template() -> reader.KeptCell:
    for path in sorted((results() / "cells").glob("score-*")):
        cell = reader.KeptCell(path)
        if cell.log() and cell.scores():
            return cell
    raise UserError(f"no kept cell of a trained run in {results() / 'cells'} to make others of")


def _keep(
    cell: Cell, template: reader.KeptCell, store: Path, samples: int, rng: np.random.Generator
) -> None:
    folder = store / cell.score.name
    folder.mkdir(parents=True)
    shown = template.gallery().ids
    images = template.per_image()
    others = [i for i in images.index if i not in shown]
    images = images.loc[[*shown, *others][:samples]].copy()
    metrics = [row["metric"] for row in template.scores() if row["metric"] in images]
    order = rng.permutation(len(images))  # whole rows of values, so that they stay of one piece
    images[metrics] = images[metrics].to_numpy()[order]
    images.to_parquet(folder / reader.PER_IMAGE, compression="zstd")
    scores = [
        {**row, "version": cell.score.identity["metrics"].get(row["metric"], row["version"])}
        for row in template.scores()
    ]
    (folder / SCORES).write_text(json.dumps(scores))
    for path in template.folder.iterdir():
        if path.name == reader.LOG or path.name.startswith("gallery."):
            shutil.copy(path, folder / path.name)
    specs = {run.stage: run.spec for run in cell.runs}
    hashes = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
    about = {"runs": specs, "provenance": template.provenance(), "sha256": hashes}
    write_json(folder / reader.CELL, about)


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
