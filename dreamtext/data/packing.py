"""Packs a prepared data set into WebDataset tar shards, so that a cluster reads few large files."""

import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from dreamtext.data.formats import format_named
from dreamtext.data.index import FOLDER, Index
from dreamtext.data.shards import TABLE, key_of, tar_path
from dreamtext.errors import Interrupted, RunError, UserError
from dreamtext.files import write_text, written_whole

_OPEN_FILES = 64
FILES = pa.schema(
    [("key", pa.uint64()), ("shard", pa.uint32()), ("offset", pa.uint64()), ("bytes", pa.uint64())]
)


def pack(index: Index, out: Path, *, images: int = 1000, progress: bool = True) -> dict[str, Any]:
    """Copy a prepared set into shards of `images` images each below `out`; the new index's report.

    Finished shards are kept: an interrupted call goes on. `out` is then a `data.root` of its own.

    Raises:
        UserError: the set is packed already, or `out` holds something else.
        RunError: a file of the set can no longer be read.
        Interrupted: stopped; the same command goes on from there.
    """
    if "shards" in index.meta:
        raise UserError(f"{index.folder} is an index of shards already: pack the original set")
    folder = out / FOLDER
    settings = {"revision": index.revision, "images": images}
    note = folder / "packing.json"
    if (folder / "index.json").exists() or (
        note.exists() and json.loads(note.read_text()) != settings
    ):
        raise UserError(f"{out} holds another packed set: give a new folder")
    (out / "shards").mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    note.write_text(json.dumps(settings))
    edges, total = _rows_by_image(index), index.image_count
    count = -(-total // images)
    try:
        with tqdm(
            total=total, desc=f"packing {index.name}", unit=" images", disable=not progress
        ) as bar:
            for shard in range(count):
                chosen = range(shard * images, min((shard + 1) * images, total))
                if not (folder / f"{shard:06d}.files").exists():
                    _write_shard(index, out, shard, chosen, edges)
                bar.update(len(chosen))
    except KeyboardInterrupt:
        raise Interrupted(
            f"packing into {out} was stopped; finished shards are kept: give the same command "
            "again to go on"
        ) from None
    return _finish(index, out, count, images)


def _rows_by_image(index: Index) -> np.ndarray:
    """(images + 1,) where each image's rows begin and end; rows are stored image by image."""
    owners = index.image_of(np.arange(len(index)))
    return np.searchsorted(owners, np.arange(index.image_count + 1))


def _write_shard(
    index: Index,
    out: Path,
    shard: int,
    chosen: range,
    edges: np.ndarray,
) -> None:
    import webdataset

    form, files = format_named(index.name), index.files()
    target = tar_path(out, index.name, shard)
    partial = target.with_name(target.name + ".partial")
    paths: dict[str, str] = {}
    with webdataset.TarWriter(str(partial), encoder=False, mtime=0.0) as writer:
        for number in chosen:
            image = index.image(number)[0]
            sample: dict[str, Any] = {"__key__": f"{number:09d}"}
            suffix = os.path.splitext(image)[1].lstrip(".").lower() or "jpg"
            try:
                sample[suffix] = files.read(image)
                paths[f"{number:09d}.{suffix}"] = image
                for path in form.companions(image):
                    extension, data = form.pack(path, files.read(path))
                    sample[extension] = data
                    paths[f"{number:09d}.{extension}"] = path
            except FileNotFoundError:
                # A word may be kept without its mask; without its image there is no word.
                if suffix not in sample:
                    raise RunError(_gone(index, image)) from None
            except OSError as error:
                raise RunError(f"{_gone(index, image)} ({error})") from error
            rows = range(int(edges[number]), int(edges[number + 1]))
            sample["json"] = json.dumps(
                {"path": image, "words": [_describe(index, row) for row in rows]}
            ).encode()
            writer.write(sample)
    with tarfile.open(partial) as tar:
        found = [
            {"key": key_of(paths[m.name]), "shard": shard, "offset": m.offset_data, "bytes": m.size}
            for m in tar
            if m.name in paths
        ]
    os.replace(partial, target)
    _write_table(out / FOLDER / f"{shard:06d}.files", pa.Table.from_pylist(found, FILES))


def _gone(index: Index, image: str) -> str:
    return (
        f"the image {image} of {index.root} can no longer be read; prepare the set again, then "
        "pack it into a new folder"
    )


def _describe(index: Index, row: int) -> dict[str, Any]:
    entry = index.entry(row)
    return {
        "number": entry.number,
        "word": entry.mark.word,
        "quad": entry.mark.quad.tolist(),
        "parts": None if entry.mark.parts is None else entry.mark.parts.tolist(),
        "split": entry.split,
    }


def _finish(index: Index, out: Path, count: int, images: int) -> dict[str, Any]:
    folder = out / FOLDER
    parts = [folder / f"{shard:06d}.files" for shard in range(count)]
    table = pa.concat_tables([_read_table(p) for p in parts]).sort_by("key")
    keys = table["key"].to_numpy()
    if (keys[1:] == keys[:-1]).any():
        raise RunError("two files of the set have one key; rename one of them and prepare again")
    _write_table(folder / TABLE, table.combine_chunks())
    for name in ("words.arrow", "images.arrow"):
        shutil.copyfile(index.folder / name, folder / name)
    report = {**index.meta, "root": "..", "shards": {"count": count, "images": images}}
    write_text(folder / "index.json", json.dumps(report, indent=2))
    for path in (*parts, folder / "packing.json"):
        path.unlink()
    return report


def _write_table(path: Path, table: pa.Table) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, FILES) as writer:
        writer.write_table(table)
    with written_whole(path) as beside:
        beside.write_bytes(sink.getvalue())


def _read_table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()
