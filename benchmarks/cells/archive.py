"""Results in one file, for another machine: kept cells and, if asked for, whole run folders.

    manifest.json                 size and SHA-256 of every other file
    cells/score-<signature>/...   kept cells
    runs/<stage>-<signature>/...  run folders: weights, samples, scores

Nothing of an archive is believed before it is checked. Files are unpacked into a folder of their
own beside the place where they belong, and folders are moved there, each at once, when all of the
archive was as its manifest says. Interrupted at any moment, the same command goes on.
"""

import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from tqdm import tqdm

from benchmarks.cells.reader import CELL, KeptCell
from benchmarks.runs.folder import SPEC, STAGES, load
from dreamtext.errors import RunError, UserError
from dreamtext.files import file_hash, to_disk, written_whole
from slurm.lease import Lease

MANIFEST = "manifest.json"
FORMAT = 1
_LARGEST_MANIFEST = 200_000_000  # bytes: of some million files
_NAME = re.compile(r"(cells|runs)/((train|sample|score)-[0-9a-f]{16})/(.+)")
_OF_THE_MACHINE = ("lease-", ".")  # files that mean nothing elsewhere

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


# --- packing ----------------------------------------------------------------------------------


def pack(cells: Iterable[Path], runs: Iterable[Path], out: Path) -> int:
    """Write an archive of kept cells and run folders, whole or not at all; its size in bytes.

    The same folders make the same bytes.

    Raises:
        UserError: there is nothing to pack.
        RunError: a file changed while it was packed.
    """
    files: dict[str, Path] = {}
    for kind, folders in (("cells", cells), ("runs", runs)):
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                if path.is_file() and not inside.parts[0].startswith(_OF_THE_MACHINE):
                    files[f"{kind}/{folder.name}/{inside.as_posix()}"] = path
    if not files:
        raise UserError("there is nothing to pack: none of these cells is done")
    about = {
        name: {"bytes": path.stat().st_size, "sha256": file_hash(path)}
        for name, path in tqdm(files.items(), desc="hashing", unit=" files", disable=None)
    }
    text = json.dumps({"format": FORMAT, "files": about}, indent=1).encode()
    with written_whole(out) as beside, tarfile.open(beside, "w") as tar:
        tar.addfile(_member(MANIFEST, len(text)), BytesIO(text))
        for name, path in tqdm(files.items(), desc="packing", unit=" files", disable=None):
            with path.open("rb") as file:
                hashed = _Hashed(file)
                try:
                    tar.addfile(_member(name, about[name]["bytes"]), hashed)
                except OSError as error:
                    raise RunError(f"{path} could not be packed ({error}); try again") from error
            if hashed.digest.hexdigest() != about[name]["sha256"]:
                raise RunError(f"{path} changed while it was packed; try again when it is at rest")
    return out.stat().st_size


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Without times and owners, which are of the machine."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member


class _Hashed:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


# --- merging ----------------------------------------------------------------------------------


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
    try:
        with tarfile.open(archive, "r:*") as tar:
            files = _manifest(tar, archive)
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
    except FileNotFoundError as error:
        raise UserError(f"there is no archive {archive}") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # of the disk, not of the archive
        raise RunError(_damaged(archive, str(error))) from error
    same = [name for name in folders if name not in left]
    return Merged(new, same, others)


def _manifest(tar: tarfile.TarFile, archive: Path) -> dict[str, dict[str, Any]]:
    """Every file that the archive holds, checked: only names that a folder of ours may have."""
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg():
        raise UserError(
            f"{archive} is no archive of results: it does not begin with {MANIFEST}; "
            "`dreamtext runs pack` makes one"
        )
    if first.size > _LARGEST_MANIFEST:
        raise RunError(_damaged(archive, f"its {MANIFEST} is {first.size} bytes long"))
    file = tar.extractfile(first)
    assert file
    try:
        said = json.loads(file.read())
        form, files = said["format"], said["files"]
        sizes = [int(one["bytes"]) for one in files.values()]
        known = all(isinstance(one["sha256"], str) for one in files.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(_damaged(archive, f"its {MANIFEST} cannot be read: {error!r}")) from error
    if form != FORMAT:
        raise UserError(f"{archive} has format {form}, this version reads {FORMAT}: update it")
    if not known or min(sizes, default=0) < 0:
        raise RunError(_damaged(archive, f"its {MANIFEST} lacks hashes or sizes"))
    for name in files:
        if not _belongs(name) or any(str(above) in files for above in PurePosixPath(name).parents):
            raise RunError(
                f"{archive} holds '{name}', which is no place of a file in a kept cell or a run "
                "folder: it was not made by `dreamtext runs pack`. Nothing was merged"
            )
    return files


def _belongs(name: str) -> bool:
    """Whether a name is that of a file inside a folder of ours, and nothing else."""
    match = _NAME.fullmatch(name)
    parts = match[4].split("/") if match else [""]
    return not any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts)


def _folders(files: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """`kind/name` -> its files with their hashes; what others read comes before them."""
    found: dict[str, dict[str, str]] = {}
    for name, about in files.items():
        kind, folder, inside = name.split("/", 2)
        found.setdefault(f"{kind}/{folder}", {})[inside] = about["sha256"]
    order = {stage: place for place, stage in enumerate(STAGES)}

    def place(item: tuple[str, Any]) -> tuple[str, int, str]:
        kind, folder = item[0].split("/")
        return kind, order.get(folder.partition("-")[0], 0), folder  # type: ignore[call-overload]

    return dict(sorted(found.items(), key=place))


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
    files: dict[str, dict[str, Any]],
    new: list[str],
    aside: Stores,
    archive: Path,
) -> None:
    """Every file of the new folders, checked; what an interrupted merge has left is used."""
    wanted = {name for name in files if "/".join(name.split("/", 2)[:2]) in new}
    _refuse_without_room(sum(files[name]["bytes"] for name in wanted), aside.runs)
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
                raise RunError(_damaged(archive, f"{member.name} has another size"))
            if member.name in wanted:
                found = _extract(tar, member, about, aside)
            else:
                found = _hash_of(tar, member)
            if found != about["sha256"]:
                raise RunError(_damaged(archive, f"{member.name} has another hash"))
            bar.update(member.size)
    if lost := sorted(files.keys() - seen):
        raise RunError(_damaged(archive, f"{lost[0]} is missing, and {len(lost) - 1} more files"))


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
    kind = member.name.partition("/")[0]
    path = aside.place(kind).parent / member.name
    if not path.is_file() or file_hash(path) != about["sha256"]:
        tar.extract(member, aside.place(kind).parent, filter="data")
        to_disk(path)
    return file_hash(path)


def _hash_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member)
    assert file
    digest = sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


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


def _damaged(archive: Path, why: str) -> str:
    return f"{archive} is damaged ({why}). Nothing was merged; bring it here again"
