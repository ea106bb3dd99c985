"""A one-machine, four-node SLURM with pretend GPUs, to try a grid on and for the tests."""

from slurm.cluster.lab import Cluster, down, missing_programs, up

__all__ = ["Cluster", "down", "missing_programs", "up"]
