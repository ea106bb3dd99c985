"""A copy of the code as it is at submission, named by its content, for jobs to run from.

Editing a file while jobs wait in the queue must change nothing for them. Taken are the tracked
and the untracked files that are not ignored, as git sees them; two submissions of the same
content share one copy. Beside them stands which revision they are, and what differs from it: the
copy has no `.git`, and by the time a job runs the checkout may be another.
"""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import uuid
from pathlib import Path
from typing import Any

from slurm.errors import SlurmInputError

MAX_BYTES = 300_000_000
ORIGIN = "SNAPSHOT.json"
MAX_DIFF = 100_000  # characters


def take(project: Path, store: Path) -> Path:
    """Copy the project at `project` (inside a git work tree) to `store/<hash>`; returns it.

    Raises:
        SlurmInputError: not a git work tree, or more than 300 MB (a data folder not ignored).
    """
    project = project.resolve()
    files = _files(project)
    store = store.resolve()
    if store.is_relative_to(project):  # runs kept inside the project are ignored by git, or not
        files = [f for f in files if not (project / f).is_relative_to(store.parent)]
    _check_size(project, files)
    store.mkdir(parents=True, exist_ok=True)
    draft = store / f".draft-{uuid.uuid4().hex}"
    draft.mkdir()
    try:
        # The hash is of what was copied, not of what was there a moment before.
        digest = hashlib.sha256()
        for name in files:
            _copy(project / name, draft / name)
            digest.update(_describe(draft / name, name))
        target = store / digest.hexdigest()[:16]
        origin = {**describe(project), "snapshot": target.name}
        (draft / ORIGIN).write_text(json.dumps(origin, indent=1), encoding="utf-8")
        try:
            os.rename(draft, target)
        except OSError:
            if not target.is_dir():
                raise
        return target
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def describe(project: Path) -> dict[str, Any]:
    """What code a folder holds: `revision`, `clean`, `diff` against it, and `untracked` files.

    A snapshot says what was written when it was taken; of anything else git is asked. Where neither
    knows, the revision is "unknown".
    """
    try:
        return json.loads((project / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        pass
    try:
        difference = _git(project, "diff", "HEAD", "--", ".").decode("utf-8", "replace")
        names = _git(project, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
        untracked = sorted(name.decode() for name in names if name)
        return {
            "revision": _git(project, "rev-parse", "HEAD").decode().strip(),
            "clean": not difference and not untracked,
            "diff": difference[:MAX_DIFF],
            "untracked": untracked[:100],
        }
    except (OSError, subprocess.CalledProcessError):
        return {"revision": "unknown", "clean": False, "diff": "", "untracked": []}


def _git(project: Path, *words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=project, capture_output=True, check=True)
    return done.stdout


def _files(project: Path) -> list[str]:
    try:
        out = _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except FileNotFoundError as error:
        raise SlurmInputError("git was not found; the snapshot of the code needs it") from error
    except subprocess.CalledProcessError as error:
        raise SlurmInputError(
            f"{project} is not a git work tree ({error.stderr.decode().strip()}); submit from a "
            f"checkout, so that the jobs' code can be recorded"
        ) from error
    names = sorted(name.decode() for name in out.split(b"\0") if name)
    # Deleted but still tracked: gone. A submodule is listed as a folder: not part of the code.
    return [n for n in names if (project / n).is_symlink() or (project / n).is_file()]


def _check_size(project: Path, files: list[str]) -> None:
    sizes = {name: (project / name).lstat().st_size for name in files}
    if sum(sizes.values()) > MAX_BYTES:
        largest = sorted(sizes, key=lambda n: -sizes[n])[:3]
        listed = ", ".join(f"{n} ({sizes[n] / 1e6:.0f} MB)" for n in largest)
        raise SlurmInputError(
            f"the code to copy is {sum(sizes.values()) / 1e6:.0f} MB, at most "
            f"{MAX_BYTES / 1e6:.0f} MB are copied; largest: {listed}. Add data to .gitignore."
        )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


def _describe(path: Path, name: str) -> bytes:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        kind, content = b"link", os.readlink(path).encode()
    else:
        kind = b"program" if status.st_mode & stat.S_IXUSR else b"file"
        content = path.read_bytes()
    return kind + b"\0" + name.encode() + b"\0" + hashlib.sha256(content).digest()
