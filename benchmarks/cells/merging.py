"""Bringing an archive of results (`benchmarks.cells.archive`) to where they belong.

Nothing of an archive is believed before it is checked. Files are unpacked into a folder of their
own beside the place where they belong, and folders are moved there, each at once, when all of the
archive was as its manifest says. Interrupted at any moment, the same command goes on.
"""

import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from benchmarks.cells.archive import MANIFEST, Files, damaged, read_manifest
from benchmarks.cells.reader import CELL, KeptCell
from benchmarks.runs.folder import SPEC, STAGES, load
from dreamtext.errors import RunError, UserError
from dreamtext.files import file_hash, to_disk
from slurm.lease import Lease

Differing = Literal["refuse", "keep"]


@dataclass(frozen=True)
class Stores:
    """Where the two kinds of folders lie on this machine."""

    cells: Path
    runs: Path

    def place(self, kind: str) -> Path:
        return self.cells if kind == "cells" else self.runs


@dataclass(frozen=True)
class Merged:
    """What became of an archive's folders, by `kind/name`."""

    new: list[str]
    same: list[str]
    kept: list[str]  # here in another form, and left as it was


def merge(archive: Path, stores: Stores, differing: Differing = "refuse") -> Merged:
    """Bring an archive's folders to where cells and runs lie. What is there already, with the same
    content, is left alone.

    Args:
        differing: what to do where a folder is there with another content: refuse all of the
            archive, or keep what is there and take the rest.

    Raises:
        UserError: no archive of this kind.
        RunError: it is damaged, or holds what it must not; or a folder is there in another form.
            Nothing was changed.
    """
    if not archive.is_file():
        raise UserError(f"there is no archive {archive}")
    try:
        with tarfile.open(archive, "r:") as tar:
            files = read_manifest(tar, archive)
            folders = _folders(files)
            left = {name: own for name, own in folders.items() if not _same(stores, name, own)}
            others = [name for name in left if _at(stores, name).exists()]
            if others and differing == "refuse":
                raise RunError(_refusal(others, left, stores))
            new = [name for name in left if name not in others]
            with _unpacking(stores, files) as aside:
                if new:
                    _unpack(tar, files, new, aside, archive)
                for name in new:
                    _check(aside, name)
                for name in new:
                    _move(_at(aside, name), _at(stores, name))
    except (tarfile.TarError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # of the disk, not of the archive
        raise RunError(damaged(archive, str(error))) from error
    same = [name for name in folders if name not in left]
    return Merged(new, same, others)


def _folders(files: Files) -> dict[str, dict[str, str]]:
    """`kind/name` -> its files with their hashes; what others read comes before them."""
    found: dict[str, dict[str, str]] = {}
    for name, about in files.items():
        kind, folder, inside = name.split("/", 2)
        found.setdefault(f"{kind}/{folder}", {})[inside] = about["sha256"]

    def place(name: str) -> tuple[str, int, str]:
        kind, folder = name.split("/")
        return kind, STAGES.index(folder.partition("-")[0]), folder

    return {name: found[name] for name in sorted(found, key=place)}


def _at(stores: Stores, name: str) -> Path:
    kind, folder = name.split("/")
    return stores.place(kind) / folder


def _same(stores: Stores, name: str, files: dict[str, str]) -> bool:
    return not _differences(_at(stores, name), files)


def _differences(folder: Path, files: dict[str, str]) -> list[str]:
    """Files of the archive that a folder lacks, or holds with another content."""
    return [
        inside
        for inside, expected in files.items()
        if not (folder / inside).is_file() or file_hash(folder / inside) != expected
    ]


def _refusal(others: list[str], folders: dict[str, dict[str, str]], stores: Stores) -> str:
    lines = []
    for name in others[:5]:
        found = _differences(_at(stores, name), folders[name])
        more = f" and {len(found) - 1} more files" if len(found) > 1 else ""
        lines.append(f"{_at(stores, name)} differs in {found[0]}{more}")
    more = f"; and {len(others) - 5} more folders" if len(others) > 5 else ""
    return (
        f"{len(others)} of the archive's folders are here with another content: "
        f"{'; '.join(lines)}{more}. Nothing was merged. Keep yours and take the rest with "
        "--keep-mine, or move yours away and merge again"
    )


@contextmanager
def _unpacking(stores: Stores, files: dict[str, Any]) -> Iterator[Stores]:
    """Folders beside the stores that belong to this content. They outlast an interruption, and
    neither success nor an error."""
    text = json.dumps(files, sort_keys=True).encode()
    own = f".merging-{sha256(text).hexdigest()[:12]}"
    aside = Stores(stores.cells / own / "cells", stores.runs / own / "runs")
    for kind in ("cells", "runs"):
        aside.place(kind).mkdir(parents=True, exist_ok=True)
    with Lease(aside.runs.parent):
        try:
            yield aside
        except KeyboardInterrupt:
            raise
        except BaseException:
            _remove(aside)
            raise
        _remove(aside)


def _remove(aside: Stores) -> None:
    for kind in ("cells", "runs"):
        shutil.rmtree(aside.place(kind).parent, ignore_errors=True)


def _unpack(
    tar: tarfile.TarFile,
    files: Files,
    new: list[str],
    aside: Stores,
    archive: Path,
) -> None:
    """Every file of the new folders, checked; what an interrupted merge has left is used."""
    wanted = {name for name in files if "/".join(name.split("/", 2)[:2]) in new}
    left = [name for name in wanted if not _path(aside, name).is_file()]
    _refuse_without_room(sum(files[name]["bytes"] for name in left), aside.runs)
    seen: set[str] = set()
    total = sum(about["bytes"] for about in files.values())
    with tqdm(total=total, desc="checking", unit="B", unit_scale=True, disable=None) as bar:
        while member := tar.next():
            about = files.get(member.name)
            if about is None or member.name in seen or not member.isreg():
                raise RunError(
                    f"{archive} holds '{member.name}', which its {MANIFEST} does not name once, as "
                    "a plain file: it was not made by `dreamtext runs pack`. Nothing was merged"
                )
            seen.add(member.name)
            if member.size != about["bytes"]:
                raise RunError(damaged(archive, f"{member.name} has another size"))
            if member.name in wanted:
                found = _extract(tar, member, about, aside)
            else:
                found = _hash_of(tar, member)
            if found != about["sha256"]:
                raise RunError(damaged(archive, f"{member.name} has another hash"))
            bar.update(member.size)
    if lost := sorted(files.keys() - seen):
        raise RunError(damaged(archive, f"{lost[0]} is missing, and {len(lost) - 1} more files"))


def _refuse_without_room(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RunError(
            f"the archive's new files take {needed / 1e9:.2f} GB, and {folder} has room for "
            f"{free / 1e9:.2f} GB. Nothing was merged"
        )


def _extract(
    tar: tarfile.TarFile, member: tarfile.TarInfo, about: dict[str, Any], aside: Stores
) -> str:
    """Unpack one file; returns its hash."""
    path = _path(aside, member.name)
    if not path.is_file() or file_hash(path) != about["sha256"]:
        tar.extract(member, aside.place(member.name.partition("/")[0]).parent, filter="data")
        to_disk(path)
    return file_hash(path)


def _path(aside: Stores, name: str) -> Path:
    kind = name.partition("/")[0]
    return aside.place(kind).parent / name


def _hash_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member)
    assert file
    return file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _check(aside: Stores, name: str) -> None:
    """Is a folder what its name says? Its signature is that of its configuration."""
    folder = _at(aside, name)
    try:
        if name.startswith("cells/"):
            _ = KeptCell(folder).about
        elif load(folder).state != "done":
            raise RunError(f"{folder.name} is not done")
    except RunError as error:
        held = CELL if name.startswith("cells/") else SPEC
        raise RunError(
            f"the archive's {name} is not what its name and its {held} say: {error}. Nothing was "
            "merged; pack it again where it comes from"
        ) from error


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(source, target)
    except OSError as error:
        raise RunError(
            f"{target} appeared while the archive was merged ({error.strerror}); merge again"
        ) from error
