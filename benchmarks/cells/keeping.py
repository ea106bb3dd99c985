"""Keeping scored cells in their compact form (`benchmarks.cells.reader`), whole or not at all."""

import gzip
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from benchmarks.cells import gallery, reader
from benchmarks.runs.folder import SCORES, SPEC, Run
from dreamtext.files import file_hash, write_json


def keep_all(scores: Iterable[Run], store: Path) -> int:
    """Keep every cell that is scored and not kept yet; returns how many those were."""
    new = [run for run in scores if run.state == "done" and not reader.is_kept(run, store)]
    for run in new:
        keep(run, store)
    return len(new)


def keep(score: Run, store: Path) -> None:
    """Write a scored cell's compact form to `store`; one that is there stays as it is."""
    final = store / score.name
    partial = store / f".{score.name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _pack(reader.RunCell.of(score), partial)
        os.rename(partial, final)
    except OSError:
        if not (final / reader.CELL).is_file():  # another process was faster, or it is an error
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _pack(cell: reader.RunCell, folder: Path) -> None:
    (folder / SCORES).write_text(json.dumps(cell.scores()) + "\n")
    cell.per_image().to_parquet(folder / reader.PER_IMAGE, compression="zstd")
    log = "".join(json.dumps(line) + "\n" for line in cell.log())
    (folder / reader.LOG).write_bytes(gzip.compress(log.encode(), mtime=0))
    gallery.write(cell.gallery(), folder)
    hashes = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
    specs = {stage: json.loads((run.folder / SPEC).read_text()) for stage, run in cell.runs.items()}
    about = {"runs": specs, "provenance": cell.provenance(), "sha256": hashes}
    write_json(folder / reader.CELL, about)
