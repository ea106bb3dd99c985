"""Reads every file of a prepared data set once and tells which are bad."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dreamtext.data import images
from dreamtext.data.annotation import Files, Reason
from dreamtext.data.formats import format_named
from dreamtext.data.index import Index
from dreamtext.errors import Interrupted
from dreamtext.files import write_text

_SAVE_EVERY = 1000

Picture = tuple[str, tuple[int, int], int]


def check(
    index: Index, note: Path, *, threads: int = 2, progress: bool = True
) -> list[tuple[str, str]]:
    """[(path, what is wrong)] of all images and masks, decoded whole.

    `note` holds what is done, so that an interrupted check goes on; it is removed at the end.

    Raises:
        Interrupted: stopped; the same command goes on from there.
    """
    files, form = index.files(), format_named(index.name)
    done, bad = _resume(note, index.revision)
    left = islice(index.images(), done, None)
    total = int(index.meta["images"])
    try:
        with (
            ThreadPoolExecutor(threads) as pool,
            tqdm(
                total=total,
                initial=done,
                desc=f"checking {index.name}",
                unit=" images",
                disable=not progress,
            ) as bar,
        ):
            while batch := list(islice(left, _SAVE_EVERY)):
                for wrong in pool.map(lambda p: list(_faults(files, form, p)), batch):
                    bad += wrong
                    bar.update()
                done += len(batch)
                _save(note, {"revision": index.revision, "done": done, "bad": bad})
    except KeyboardInterrupt:
        raise Interrupted(
            f"the check was stopped after {done} of {total} images; give the same command again "
            "to go on"
        ) from None
    note.unlink(missing_ok=True)
    return bad


def _faults(files: Files, form: Any, picture: Picture) -> Iterator[tuple[str, str]]:
    path, size, length = picture
    try:
        data = files.read(path)
        pixels = images.decode(data)
        if pixels.shape[1::-1] != size or len(data) != length:
            yield path, "has changed since it was indexed"
    except FileNotFoundError:
        yield path, Reason.IMAGE_MISSING
    except PermissionError:
        yield path, Reason.OUTSIDE_ROOT
    except (OSError, images.ImageError) as error:
        yield path, f"{Reason.IMAGE_DAMAGED} ({error})"
    for companion in form.companions(path):
        try:
            if not files.read(companion):
                yield companion, Reason.MASK_DAMAGED
        except OSError:
            yield companion, Reason.MASK_MISSING


def _resume(note: Path, revision: str) -> tuple[int, list[tuple[str, str]]]:
    try:
        values = json.loads(note.read_text())
        if values["revision"] == revision:
            return int(values["done"]), [(str(a), str(b)) for a, b in values["bad"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing to go on from: begin anew
    return 0, []


def _save(note: Path, values: dict[str, Any]) -> None:
    write_text(note, json.dumps(values))
