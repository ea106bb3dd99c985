"""Makes an index: reads every annotation once, filters, and counts what is dropped and why.

Work is cut into chunks of images; each finished chunk is a file, so an interrupted run goes on
where it stopped. Chunks can be read by several processes; the result is the same.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from dreamtext.configs.schema import signature
from dreamtext.data import crop, filter, images
from dreamtext.data.annotation import Annotation, Folder, Format, Mark, Reason
from dreamtext.data.formats import format_named
from dreamtext.data.index import FOLDER, IMAGES, VERSION, WORDS
from dreamtext.data.splits import SPLITS
from dreamtext.errors import Interrupted, UserError
from dreamtext.files import write_text, written_whole

_BATCH_ROWS = 1 << 16


def prepare(
    name: str,
    root: Path,
    folder: Path | None = None,
    *,
    min_region: float = crop.MIN_REGION,
    workers: int = 0,
    chunk: int = 1000,
    progress: bool = True,
) -> dict[str, Any]:
    """Index a data set and return the report (also `index.json` in the index's folder).

    Args:
        root: the data set's folder.
        folder: where the index goes; default `dreamtext-index` inside `root`.
        min_region: the least area of a region, as a share of 512 x 512 pixels.
        workers: processes; 0 reads in this one.
        chunk: images per chunk.

    Raises:
        UserError: `root` is not that data set, or the folder cannot be written.
        Interrupted: stopped; the same command goes on from there.
    """
    form = format_named(name)
    form.look(root)
    folder = folder or root / FOLDER
    parts = _parts_folder(folder, name, root, min_region, chunk)
    total = form.total(root)
    try:
        with tqdm(
            total=total, desc=f"indexing {name}", unit=" images", disable=not progress
        ) as bar:
            count = _read_chunks(form, root, parts, min_region, workers, chunk, bar)
    except KeyboardInterrupt:
        raise Interrupted(
            f"indexing {root} was stopped; finished chunks are kept in {parts}: give the same "
            "command again to go on"
        ) from None
    report = _merge(parts, count, folder, name, root, min_region)
    shutil.rmtree(parts)
    return report


def _parts_folder(folder: Path, name: str, root: Path, min_region: float, chunk: int) -> Path:
    """The folder of finished chunks, emptied where they were made with other settings."""
    parts = folder / "parts"
    settings = [VERSION, name, str(root.resolve()), min_region, chunk]
    note = parts / "settings.json"
    try:
        if parts.exists() and (not note.exists() or json.loads(note.read_text()) != settings):
            shutil.rmtree(parts)
        parts.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(settings))
    except OSError as error:
        raise UserError(
            f"the index cannot be written to {folder} ({error}); give another folder with --index"
        ) from error
    return parts


def _read_chunks(
    form: Format,
    root: Path,
    parts: Path,
    min_region: float,
    workers: int,
    chunk: int,
    bar: Any,
) -> int:
    """Read what is not finished yet; how many chunks there are."""
    items, number = form.items(root), 0
    pool = ProcessPoolExecutor(workers, get_context("spawn")) if workers else None
    waiting: list[Future[int]] = []
    try:
        while batch := list(islice(items, chunk)):
            target = parts / f"{number:06d}"
            if target.with_suffix(".json").exists():
                bar.update(len(batch))
            elif pool is None:
                bar.update(read_chunk(form.name, root, batch, target, min_region))
            else:
                job = pool.submit(read_chunk, form.name, root, batch, target, min_region)
                waiting.append(job)
                while len(waiting) > 2 * workers:
                    bar.update(waiting.pop(0).result())
            number += 1
        for future in waiting:
            bar.update(future.result())
    finally:
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
    return number


def read_chunk(name: str, root: Path, items: list[Any], target: Path, min_region: float) -> int:
    """Read some annotations and write them beside each other; the `.json` is written last."""
    form, files = format_named(name), Folder(root)
    tally = Tally()
    words: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    for item in items:
        found = _read_one(form, files, form.read(root, item), min_region, tally)
        if found is None:
            continue
        picture, rows = found
        for row in rows:
            row["image"] = len(pictures)
        words += rows
        pictures.append(picture)
    _write(target.with_suffix(".words"), [pa.RecordBatch.from_pylist(words, WORDS)], WORDS)
    _write(target.with_suffix(".images"), [pa.RecordBatch.from_pylist(pictures, IMAGES)], IMAGES)
    write_text(target.with_suffix(".json"), json.dumps(tally.values()))
    return len(items)


class Tally:
    """What was seen and what was dropped."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.dropped_words: Counter[str] = Counter()
        self.dropped_images: Counter[str] = Counter()

    def values(self) -> dict[str, dict[str, int]]:
        return {k: dict(v) for k, v in vars(self).items()}

    def add(self, values: dict[str, dict[str, int]]) -> None:
        for name, counts in values.items():
            getattr(self, name).update(counts)


def _read_one(
    form: Format, files: Folder, annotation: Annotation, min_region: float, tally: Tally
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """The rows of one image, or None; everything left out is counted."""
    tally.seen["images"] += 1
    tally.seen["words"] += len(annotation.marks) + annotation.dropped.total()
    tally.dropped_words.update({str(k): n for k, n in annotation.dropped.items()})
    fault = annotation.fault
    if fault is None:
        try:
            size, length = images.inspect(files.find(annotation.image))
        except PermissionError:
            fault = Reason.OUTSIDE_ROOT
        except images.ImageError:
            fault = Reason.IMAGE_DAMAGED
        except (OSError, ValueError):
            fault = Reason.IMAGE_MISSING
    if fault is not None:
        tally.dropped_images[fault] += 1
        if annotation.marks:
            tally.dropped_words[fault] += len(annotation.marks)
        return None
    rows = []
    least = 0.0 if annotation.whole else min_region
    for number, mark in enumerate(annotation.marks):
        mark = _scaled(mark, annotation.grid, size)
        reason = filter.reject_word(mark.word)
        reason = reason or filter.reject_quad(mark.quad, size, least)
        reason = reason or form.check(files, annotation.image, mark, size)
        if reason is not None:
            tally.dropped_words[reason] += 1
            continue
        tally.seen["without characters"] += mark.parts is None and form.name != "laion_ocr"
        rows.append(_row(number, annotation.split, mark))
    if not rows:
        tally.seen["images without a usable word"] += 1
        return None
    picture = {"path": annotation.image, "width": size[0], "height": size[1], "bytes": length}
    return picture, rows


def _scaled(mark: Mark, grid: tuple[int, int] | None, size: tuple[int, int]) -> Mark:
    if grid is None or grid == size:
        return mark
    scale = np.array(size, np.float32) / np.array(grid, np.float32)
    return Mark(mark.word, mark.quad * scale, mark.parts)


def _row(number: int, split: str, mark: Mark) -> dict[str, Any]:
    return {
        "number": number,
        "word": mark.word,
        "quad": mark.quad.astype(np.float32).ravel(),
        "parts": [] if mark.parts is None else mark.parts.astype(np.float32).ravel(),
        "split": SPLITS.index(split),
        "length": len(mark.word),
    }


def _merge(
    parts: Path, count: int, folder: Path, name: str, root: Path, min_region: float
) -> dict[str, Any]:
    """Join the chunks into the index; `index.json` appears last."""
    tally, splits, digests = Tally(), Counter[str](), dict[str, Any]()
    for i in range(count):
        tally.add(json.loads((parts / f"{i:06d}.json").read_text()))
    totals = {
        kind: _write(folder / f"{kind}.arrow", _joined(parts, count, kind, digests, splits), schema)
        for kind, schema in (("words", WORDS), ("images", IMAGES))
    }
    report = {
        "version": VERSION,
        "name": name,
        "root": _root_seen_from(folder, root),
        "min_region": min_region,
        "revision": signature({"name": name} | {k: d.hexdigest() for k, d in digests.items()}),
        "words": totals["words"],
        "images": totals["images"],
        "splits": {s: splits[s] for s in SPLITS},
        **{k: dict(sorted(v.items(), key=lambda p: -p[1])) for k, v in tally.values().items()},
    }
    write_text(folder / "index.json", json.dumps(report, indent=2))
    return report


def _joined(
    parts: Path, count: int, kind: str, digests: dict[str, Any], splits: Counter[str]
) -> Iterator[pa.RecordBatch]:
    """The chunks' rows in batches of a good size, image numbers made global, hashed on the way."""
    held: list[pa.Table] = []
    offset = 0
    for i in range(count):
        table = _table(parts / f"{i:06d}.{kind}")
        if kind == "words":
            numbers = table["image"].to_numpy() + np.uint32(offset)
            table = table.set_column(0, WORDS.field(0), pa.array(numbers, pa.uint32()))
            offset += len(_table(parts / f"{i:06d}.images"))
            splits.update(SPLITS[code] for code in table["split"].to_numpy())
        for name in table.column_names:
            digest = digests.setdefault(f"{kind}.{name}", hashlib.sha256())
            digest.update(_content(table[name].combine_chunks()))
        held.append(table)
        if sum(map(len, held)) >= _BATCH_ROWS:
            yield from pa.concat_tables(held).combine_chunks().to_batches()
            held = []
    if held:
        yield from pa.concat_tables(held).combine_chunks().to_batches()


def _content(values: pa.Array) -> bytes:
    """A column's content, whatever chunks it comes in."""
    if pa.types.is_string(values.type):
        return b"".join(f"{v}\n".encode() for v in values.to_pylist())
    if pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    return values.to_numpy(zero_copy_only=False).tobytes()


def _table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def _write(path: Path, batches: Iterator[pa.RecordBatch] | list, schema: pa.Schema) -> int:
    """Write an Arrow file beside and rename it; how many rows it has."""
    rows = 0
    with (
        written_whole(path) as beside,
        pa.OSFile(str(beside), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _root_seen_from(folder: Path, root: Path) -> str:
    """Relative where the index lies inside the data set, so that both can be moved together."""
    folder, root = folder.resolve(), root.resolve()
    return os.path.relpath(root, folder) if folder.is_relative_to(root) else str(root)
