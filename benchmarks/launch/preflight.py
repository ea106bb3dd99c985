"""What a job was promised and must find: looked at before it starts to work.

A training that was to have four GPUs and finds none would otherwise run on the processor, for
weeks, and be done.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dreamtext.errors import UserError

if TYPE_CHECKING:
    from benchmarks.runs.folder import Run
    from slurm.config import ClusterConfig


def refuse_without_gpus() -> None:
    """Every process of a job that SLURM gave GPUs to must see one of its own.

    Raises:
        UserError: torch sees fewer than there are processes on this node.
    """
    given = int(os.environ.get("SLURM_GPUS_ON_NODE", "0"))
    if not given:
        return
    import torch

    seen = torch.accelerator.device_count() if torch.accelerator.is_available() else 0
    needed = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if seen < needed:
        raise UserError(
            f"SLURM gave this job {given} GPUs on {os.environ.get('SLURMD_NODENAME', 'its node')}, "
            f"of which torch sees {seen}, for {needed} processes: look at the driver, at the build "
            f"of torch, and at the container's option for GPUs (apptainer exec --nv); or ask for "
            f"none with gpus_per_node = 0"
        )


def refuse_uneven_batches(runs: Iterable["Run"], config: "ClusterConfig") -> None:
    """Before anything is sent: a training's batch is shared among its processes.

    Raises:
        UserError: a batch is no multiple of their number.
    """
    ranks = config.resources("train").world_size
    for run in runs:
        if run.stage != "train":
            continue
        size = run.settings["config"]["training"]["batch_size"]
        if size % ranks:
            raise UserError(
                f"training.batch_size={size} of {run.title} is to be shared among {ranks} "
                f"processes (nodes x tasks_per_node of [stage.train]) and must be a multiple of "
                f"that number. Nothing was submitted."
            )
