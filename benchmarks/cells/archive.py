"""Results in one file, for another machine: kept cells and, if asked for, whole run folders.

    manifest.json                 size and SHA-256 of every other file
    cells/score-<signature>/...   kept cells
    runs/<stage>-<signature>/...  run folders: weights, samples, scores

`benchmarks.cells.merging` brings them to where they belong.
"""

import json
import re
import tarfile
from collections.abc import Iterable
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tqdm import tqdm

from dreamtext.errors import RunError, UserError
from dreamtext.files import file_hash, written_whole

MANIFEST = "manifest.json"
FORMAT = 1
_LARGEST_MANIFEST = 200_000_000  # bytes: of some million files
_NAME = re.compile(r"(cells|runs)/((train|sample|score)-[0-9a-f]{16})/(.+)")
_OF_THE_MACHINE = ("lease-", ".")  # files that mean nothing elsewhere

Files = dict[str, dict[str, Any]]  # name -> bytes, sha256


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
                here_only = any(part.startswith(_OF_THE_MACHINE) for part in inside.parts)
                if path.is_file() and not here_only:
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


def read_manifest(tar: tarfile.TarFile, archive: Path) -> Files:
    """Every file that the archive holds, checked: only names that a folder of ours may have."""
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg():
        raise UserError(
            f"{archive} is no archive of results: it does not begin with {MANIFEST}; "
            "`dreamtext runs pack` makes one"
        )
    if first.size > _LARGEST_MANIFEST:
        raise RunError(damaged(archive, f"its {MANIFEST} is {first.size} bytes long"))
    file = tar.extractfile(first)
    assert file
    try:
        said = json.loads(file.read())
        form, files = said["format"], said["files"]
        sizes = [int(one["bytes"]) for one in files.values()]
        known = all(isinstance(one["sha256"], str) for one in files.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(damaged(archive, f"its {MANIFEST} cannot be read: {error!r}")) from error
    if form != FORMAT:
        raise UserError(f"{archive} has format {form}, this version reads {FORMAT}: update it")
    if not known or min(sizes, default=0) < 0:
        raise RunError(damaged(archive, f"its {MANIFEST} lacks hashes or sizes"))
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


def damaged(archive: Path, why: str) -> str:
    return f"{archive} is damaged ({why}). Nothing was merged; bring it here again"
