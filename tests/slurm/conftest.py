"""The one-machine cluster, brought up once for all tests that need it."""

import getpass
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from helpers.slurm_tasks import PROJECT

from slurm.cluster import Cluster, down, missing_programs, up

IGNORED = shutil.ignore_patterns("__pycache__")
AS_SOMEBODY = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")


def pytest_collection_modifyitems(items):
    """A file of these tests stays with one worker: what it has set up takes minutes."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def running_cluster():
    if missing := missing_programs():
        pytest.skip(f"SLURM is not installed: {', '.join(missing)} not found")
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    try:
        yield up(folder)
    finally:
        down(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(running_cluster: Cluster, monkeypatch):
    """The real cluster, as the one that `sbatch` and its friends talk to in this test."""
    for name in [n for n in os.environ if n.startswith(("SLURM_", "SBATCH_", "SUBMITIT_"))]:
        monkeypatch.delenv(name)
    for name, value in running_cluster.environment().items():
        monkeypatch.setenv(name, value)
    yield running_cluster
    running_cluster.run("scancel", "-u", getpass.getuser())
    until = time.monotonic() + 20  # the next test must not see a job that is still ending
    while running_cluster.run("squeue", "-h", "-o", "%i").strip() and time.monotonic() < until:
        time.sleep(0.1)


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A work tree with no more than the launcher in it: quick to copy."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "slurm", folder / "slurm", ignore=IGNORED)
    for command in (["init", "-q"], ["add", "."], [*AS_SOMEBODY, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture
def fake_sbatch(tmp_path, monkeypatch):
    """Put a shell script in front of the real sbatch, which it finds as $REAL."""

    def install(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        real = shutil.which("sbatch", path=os.environ["PATH"].replace(f"{folder}:", ""))
        (folder / "sbatch").write_text(f"#!/bin/sh\nREAL={real}\nHERE={folder}\n{script}\n")
        (folder / "sbatch").chmod(0o755)
        if str(folder) not in os.environ["PATH"]:
            monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return install
