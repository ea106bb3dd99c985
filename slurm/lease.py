"""One writer per folder: a lease on a shared file system, with a heartbeat.

The holder is the owner of the highest-numbered `lease-<n>.json` of the folder. Taking over means
creating number n + 1, which the file system grants to exactly one of several takers (`link` is
atomic, on NFS too), so that no delay between looking and acting can give one lease to two. Files
are only ever removed by a later holder, hence numbers never go back. The heartbeat is the file's
modification time, and its age is judged against a file just written to the same folder: both
times are the file server's, and clocks of different nodes need not agree.

A process that was stopped for longer than that may wake up beside its successor. So the holder
asks `confirm` before every write that others could see, and leaves the folder alone if it says no.
"""

import contextlib
import json
import os
import re
import socket
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from slurm.errors import SlurmError

# Everybody who shares a folder must use the same; jobs inherit the variable.
STALE_AFTER_S = float(os.environ.get("LEASE_STALE_AFTER_S", "180"))
ATTEMPT = "LAUNCH_ATTEMPT"  # variable that a launcher names the attempt in
_NAME = re.compile(r"lease-(\d{6,})\.json")


class LeaseHeld(SlurmError):
    """Another process works in the folder, and was heard of recently."""


@dataclass(frozen=True)
class LeaseInfo:
    """What a folder's newest lease file says."""

    number: int
    token: str
    host: str
    pid: int
    job: str  # SLURM's job id, or empty
    released: bool
    modified: float  # seconds since the epoch, by the file server's clock
    process: str  # identifies the process on its machine; empty where that is not possible
    attempt: str = ""  # of the launcher that started the process, if one did

    def age_s(self, now: float) -> float:
        """Seconds since the last heartbeat; `now` by the file server's clock (`server_time`)."""
        return now - self.modified

    def held(self, stale_after_s: float, now: float) -> bool:
        """Whether somebody holds the lease: not released, and heard of recently."""
        return not self.released and self.age_s(now) < stale_after_s and not self.owner_died()

    def owner_died(self) -> bool:
        """True only when the owner ran on this very machine and is certainly gone."""
        if not self.process or self.host != socket.gethostname():
            return False
        if not _machine() or _machine() != self.process.rpartition(":")[0]:
            return False  # another boot, or another container's process numbers
        return _process(self.pid) != self.process

    def describe(self) -> str:
        job = f", SLURM job {self.job}" if self.job else ""
        return f"process {self.pid} on {self.host}{job}"


def server_time(folder: str | os.PathLike[str]) -> float:
    """Now, by the clock of the file server of a folder; by ours where we may not write there."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".clock-") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def holder(
    folder: str | os.PathLike[str], stale_after_s: float = STALE_AFTER_S
) -> LeaseInfo | None:
    """Who works in the folder; None if nobody does."""
    newest = read_lease(folder)
    if newest is None or newest.released or newest.owner_died():
        return None
    return newest if newest.held(stale_after_s, server_time(folder)) else None


def release_for(folder: str | os.PathLike[str], attempt: str) -> None:
    """Release what a process left held that is known to be dead: the one of this attempt."""
    newest = read_lease(folder)
    if newest and not newest.released and newest.attempt == attempt:
        path = _path(folder, newest.number)
        draft = Path(folder, f".lease-{uuid.uuid4().hex}")
        draft.write_text(json.dumps(json.loads(path.read_text()) | {"released": True}))
        os.replace(draft, path)


def read_lease(folder: str | os.PathLike[str]) -> LeaseInfo | None:
    """The folder's newest lease, or None if there never was one (or no such folder).

    Raises:
        SlurmError: its files change faster than they can be read.
    """
    for _ in range(100):  # a holder may remove an older file between listing and reading
        try:
            numbers = [int(m[1]) for n in os.listdir(folder) if (m := _NAME.fullmatch(n))]
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not numbers:
            return None
        with contextlib.suppress(FileNotFoundError):
            return read_lease_file(_path(folder, max(numbers)))
    raise SlurmError(f"the lease files of {folder} keep changing; try again in a moment")


def read_lease_file(path: Path) -> LeaseInfo:
    """One lease file. Opening it makes NFS ask the server instead of its attribute cache."""
    with open(path, encoding="utf-8") as file:
        modified = os.fstat(file.fileno()).st_mtime
        values = json.load(file)
    match = _NAME.fullmatch(path.name)
    assert match
    return LeaseInfo(
        number=int(match[1]),
        token=values["token"],
        host=values["host"],
        pid=values["pid"],
        job=values["job"],
        released=values["released"],
        modified=modified,
        process=values["process"],
        attempt=values.get("attempt", ""),
    )


class Lease:
    """The right to write in `folder`, kept alive by a thread until the `with` block ends.

        with Lease(folder) as lease:
            while not lease.lost: ...

    Args:
        folder: an existing folder that only the holder may write in.
        stale_after_s: a lease without a heartbeat for this long may be taken over. Everybody who
            shares the folder must use the same value.

    Raises (on entry):
        LeaseHeld: somebody else holds it; `.args[0]` says who.
    """

    def __init__(
        self, folder: str | os.PathLike[str], stale_after_s: float = STALE_AFTER_S
    ) -> None:
        self.folder = Path(folder)
        self.stale_after_s = stale_after_s
        self.token = uuid.uuid4().hex
        self.number = 0
        self._lost = False
        self._heard = time.monotonic()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0

    @property
    def lost(self) -> bool:
        """Whether somebody took the lease over, or it could not be kept alive.

        As recent as the last heartbeat (every sixth of `stale_after_s`); `confirm` looks now.
        """
        return self._lost

    def confirm(self) -> bool:
        """Look at the folder now: is the lease still ours? For the moment before a write.

        After a long silence (the process was stopped) a sign of life comes first, so that nobody
        takes the lease over for stale while we write.
        """
        if not self._lost:
            try:
                if time.monotonic() - self._heard > self.stale_after_s / 3:
                    self._sign_of_life()
                newest = read_lease(self.folder)
                self._lost = newest is None or newest.token != self.token
            except OSError:
                pass  # an outage of the file system is judged by the heartbeat
        return not self._lost

    def __enter__(self) -> "Lease":
        self._pid = os.getpid()
        self._acquire()
        self._heard = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._pid:  # a forked child leaves the block: not its lease
            return
        self._closing.set()
        if self._thread:
            self._thread.join()
        if self.confirm():
            draft = self._write_draft(released=True)
            os.replace(draft, _path(self.folder, self.number))

    # --- taking ---------------------------------------------------------------------------------

    def _acquire(self) -> None:
        draft = self._write_draft(released=False)
        try:
            newest = read_lease(self.folder)
            if newest and newest.held(self.stale_after_s, now=draft.stat().st_mtime):
                raise self._held(newest)
            number = newest.number + 1 if newest else 1
            try:
                os.link(draft, _path(self.folder, number))
            except FileExistsError:
                raise self._held(read_lease(self.folder)) from None
            except OSError as error:
                raise SlurmError(
                    f"{self.folder} lies on a file system without hard links ({error.strerror}), "
                    f"which the lease needs; keep the runs on NFS, Lustre, BeeGFS or a local disk."
                ) from error
            self.number = number
        finally:
            draft.unlink()
        # Our number may have existed before, been released, followed by a higher one and removed,
        # all since we looked: then the higher one holds.
        newest = read_lease(self.folder)
        if newest is None or newest.token != self.token:
            _path(self.folder, number).unlink(missing_ok=True)
            raise self._held(newest)
        for name in os.listdir(self.folder):
            if (match := _NAME.fullmatch(name)) and int(match[1]) < number:
                (self.folder / name).unlink(missing_ok=True)

    def _held(self, info: LeaseInfo | None) -> LeaseHeld:
        who = "another process"
        if info:
            age_s = info.age_s(server_time(self.folder))
            who = f"{info.describe()}, heard of {age_s:.0f} s ago"
        return LeaseHeld(
            f"{self.folder} is being worked on by {who}. Nothing was changed. Wait for it to end; "
            f"if it is dead, its lease can be taken over {self.stale_after_s:g} s after its last "
            f"sign of life."
        )

    def _write_draft(self, released: bool) -> Path:
        draft = self.folder / f".lease-{self.token}"
        values: dict[str, Any] = {
            "token": self.token,
            "host": socket.gethostname(),
            "pid": self._pid,
            "process": _process(self._pid),
            "job": os.environ.get("SLURM_JOB_ID", ""),
            "attempt": os.environ.get(ATTEMPT, ""),
            "released": released,
        }
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(values, file)
            file.flush()
            os.fsync(file.fileno())
        return draft

    # --- keeping --------------------------------------------------------------------------------

    def _beat(self) -> None:
        while not self._closing.wait(self.stale_after_s / 6):
            if not self.confirm():
                return
            try:
                self._sign_of_life()
            except OSError:
                # Others will take over after stale_after_s of silence: be gone before they come.
                if time.monotonic() - self._heard > self.stale_after_s * 2 / 3:
                    self._lost = True
            if self._lost:
                return

    def _sign_of_life(self) -> None:
        try:
            os.utime(_path(self.folder, self.number))  # without a time: the server's own
            self._heard = time.monotonic()
        except FileNotFoundError:
            self._lost = True  # a later holder has removed it


def _path(folder: str | os.PathLike[str], number: int) -> Path:
    return Path(folder) / f"lease-{number:06d}.json"


@cache  # a status asks it of every run
def _machine() -> str:
    """`boot/namespace` that process ids of this process are valid in; empty if not known."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _process(pid: int) -> str:
    """`boot/namespace:start` of a living process of this machine; empty if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        if fields[0] in "ZX":  # ended, only not yet collected by its parent
            return ""
        return f"{_machine()}:{fields[19]}" if _machine() else ""
    except (OSError, IndexError):
        return ""
