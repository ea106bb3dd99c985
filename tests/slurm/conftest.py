"""The one-machine cluster, brought up once for all tests that need it."""

import getpass
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from slurm.cluster import Cluster, down, missing_programs, up


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
