"""The one-machine cluster comes up, serves four nodes with GPUs, and goes down without a trace."""

import subprocess
from pathlib import Path

import pytest

from slurm.cluster import down, missing_programs, up
from slurm.cluster.lab import _processes_with
from slurm.errors import SlurmInputError


def test_four_nodes_with_two_gpus_each_run_a_job(cluster):
    out = subprocess.run(
        ["srun", "-N4", "--gpus-per-node=2", "sh", "-c", "echo $SLURMD_NODENAME"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    assert sorted(out.split()) == ["n1", "n2", "n3", "n4"]


@pytest.mark.skipif(bool(missing_programs()), reason="SLURM is not installed")
def test_up_twice_is_refused_and_down_leaves_no_process(tmp_path):
    cluster = up(tmp_path)
    try:
        with pytest.raises(SlurmInputError, match="already runs"):
            up(tmp_path)
    finally:
        down(tmp_path)
    assert not _processes_with(f"SLURM_CONF={cluster.conf}", ("slurm",))
    down(tmp_path)  # again: nothing to do


def test_without_slurm_the_packages_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr("slurm.cluster.lab._which", lambda name: None)
    with pytest.raises(SlurmInputError, match="apt-get install"):
        up(tmp_path)


def test_daemons_listen_to_the_loopback_address_only(cluster):
    pids = {str(p) for p in _processes_with(f"SLURM_CONF={cluster.conf}", ("slurmd", "slurmctld"))}
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[9] in inodes and row[3] == "0A"]
    assert len(listening) == 5
    assert all(address.startswith("0100007F:") for address in listening)
