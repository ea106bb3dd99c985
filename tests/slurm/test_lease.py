"""One writer per folder, whatever happens to the writers."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slurm.errors import SlurmError
from slurm.lease import Lease, LeaseHeld, read_lease, server_time

HOLD = """
import sys, time
from slurm.lease import Lease
with Lease(sys.argv[1], stale_after_s=float(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path, stale_after_s: float) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(stale_after_s)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def elsewhere(folder: Path) -> None:
    """Make the newest lease look as if its owner ran on another machine."""
    path = max(folder.glob("lease-*.json"))
    values = json.loads(path.read_text()) | {"host": "elsewhere"}
    times = path.stat()
    path.write_text(json.dumps(values))
    os.utime(path, (times.st_atime, times.st_mtime))


def silent_for(folder: Path, seconds: float) -> None:
    path = max(folder.glob("lease-*.json"))
    os.utime(path, (time.time() - seconds,) * 2)


def test_second_holder_is_refused_and_told_who_holds(tmp_path):
    with Lease(tmp_path) as lease:
        with pytest.raises(LeaseHeld, match=str(os.getpid())):
            Lease(tmp_path).__enter__()
        assert not lease.lost


def test_released_lease_is_free_at_once_and_leaves_one_file(tmp_path):
    for _ in range(3):
        with Lease(tmp_path):
            pass
    assert read_lease(tmp_path).released
    assert len(list(tmp_path.iterdir())) == 1


def test_lease_is_released_when_the_work_raises(tmp_path):
    with pytest.raises(ZeroDivisionError), Lease(tmp_path):
        raise ZeroDivisionError
    with Lease(tmp_path):
        pass


def test_heartbeat_keeps_a_lease_longer_than_its_staleness(tmp_path):
    with Lease(tmp_path, stale_after_s=0.6) as lease:
        elsewhere(tmp_path)
        time.sleep(1.2)
        assert read_lease(tmp_path).held(0.6, server_time(tmp_path))
        assert lease.confirm()


def test_a_silent_lease_of_another_machine_is_taken_over_only_when_stale(tmp_path):
    first = Lease(tmp_path, stale_after_s=60)
    first.__enter__()
    elsewhere(tmp_path)
    silent_for(tmp_path, 50)
    with pytest.raises(LeaseHeld):
        Lease(tmp_path, stale_after_s=60).__enter__()
    silent_for(tmp_path, 61)
    with Lease(tmp_path, stale_after_s=60) as second:
        assert not first.confirm()
        assert first.lost
        first.__exit__()
        assert second.confirm()
        with pytest.raises(LeaseHeld):
            Lease(tmp_path, stale_after_s=60).__enter__()


def test_loss_is_noticed_by_the_heartbeat_alone(tmp_path):
    first = Lease(tmp_path, stale_after_s=0.6)
    first.__enter__()
    (tmp_path / "lease-000002.json").write_text(
        (tmp_path / "lease-000001.json").read_text().replace(first.token, "other")
    )
    deadline = time.monotonic() + 5
    while not first.lost and time.monotonic() < deadline:
        time.sleep(0.02)
    assert first.lost


def test_killed_owner_on_the_same_machine_needs_no_waiting(tmp_path):
    process = holder(tmp_path, 3600)
    with pytest.raises(LeaseHeld):
        Lease(tmp_path, 3600).__enter__()
    process.kill()
    process.wait()
    with Lease(tmp_path, 3600):
        pass


def test_suspended_owner_finds_its_lease_lost(tmp_path):
    process = holder(tmp_path, 0.6)
    try:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.8)
        with Lease(tmp_path, 0.6) as lease:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait()
            assert lease.confirm()
    finally:
        process.kill()


def contend(folder: str, start, log: str) -> None:
    start.wait()
    for _ in range(40):
        try:
            with Lease(folder, stale_after_s=60) as lease:
                inside = Path(folder, "inside")
                descriptor = os.open(inside, os.O_CREAT | os.O_EXCL)  # raises if two are inside
                os.close(descriptor)
                assert lease.confirm()
                inside.unlink()
                with open(log, "a") as file:
                    file.write("x")
        except LeaseHeld:
            pass


def test_many_takers_never_hold_together(tmp_path):
    runs = tmp_path / "run"
    runs.mkdir()
    (runs / "lease-000007.json").write_text(
        json.dumps(
            {"token": "old", "host": "gone", "pid": 1, "process": "", "job": "", "released": False}
        )
    )
    silent_for(runs, 61)
    context = multiprocessing.get_context("fork")
    start = context.Event()
    log = tmp_path / "log"
    takers = [context.Process(target=contend, args=(str(runs), start, str(log))) for _ in range(8)]
    for taker in takers:
        taker.start()
    start.set()
    for taker in takers:
        taker.join(60)
    assert [taker.exitcode for taker in takers] == [0] * 8
    assert len(log.read_text()) >= 8


def test_late_taker_cannot_use_a_number_that_came_and_went(tmp_path, monkeypatch):
    with Lease(tmp_path):
        pass
    late = Lease(tmp_path)
    link = os.link

    def slow_link(source, target):
        monkeypatch.setattr(os, "link", link)
        with Lease(tmp_path):  # 2: taken and released while the late one was on its way
            pass
        third.__enter__()  # 3: held, and has removed 2
        link(source, target)

    third = Lease(tmp_path)
    monkeypatch.setattr(os, "link", slow_link)
    with pytest.raises(LeaseHeld):
        late.__enter__()
    assert third.confirm()
    third.__exit__()
    with Lease(tmp_path):
        pass


def test_folder_without_lease_and_missing_folder_read_as_free(tmp_path):
    assert read_lease(tmp_path) is None
    assert read_lease(tmp_path / "missing") is None


def test_lease_in_a_missing_folder_is_named(tmp_path):
    with pytest.raises((SlurmError, FileNotFoundError), match="missing"):
        Lease(tmp_path / "missing").__enter__()
