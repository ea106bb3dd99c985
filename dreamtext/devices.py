"""Where networks compute, and in which precision: decided here, and followed by every stage.

`$DREAMTEXT_DEVICE` names the kind of device, auto by default: an accelerator where there is one.
Which of several GPUs is for the launcher to say (`CUDA_VISIBLE_DEVICES`, `LOCAL_RANK`).
"""

import math
import os
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from dreamtext.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Precision = Literal["no", "bf16", "fp16"]
VARIABLE = "DREAMTEXT_DEVICE"
RUNS_HERE = "DREAMTEXT_RUNS_HERE"  # how many runs share this machine, if not one


def device(asked: str = "auto") -> "torch.device":
    """The device of this process.

    Args:
        asked: auto is `$DREAMTEXT_DEVICE`, and without it an accelerator where there is one; else
            torch's name of a device, such as cpu, cuda or cuda:1.

    Raises:
        UserError: this machine has no such device, or fewer GPUs than processes on it.
    """
    import torch

    if asked == "auto":
        asked = os.environ.get(VARIABLE, "") or "auto"
    here = torch.accelerator.current_accelerator(check_available=True)
    if asked == "auto":
        asked = here.type if here is not None else "cpu"
    try:
        wanted = torch.device(asked)
    except RuntimeError as error:
        raise UserError(
            f"'{asked}' is no device; ${VARIABLE} and device= take auto, cpu, cuda or mps"
        ) from error
    if wanted.type == "cpu":
        return torch.device("cpu")
    if here is None or here.type != wanted.type:
        raise UserError(
            f"the device '{asked}' was asked for, but torch {torch.__version__} sees "
            f"{'no accelerator' if here is None else here.type} here: look at the driver and at "
            f"the build of torch, or compute elsewhere (${VARIABLE}=auto or cpu)"
        )
    count = torch.accelerator.device_count()
    number = wanted.index if wanted.index is not None else int(os.environ.get("LOCAL_RANK", "0"))
    if number >= count:
        raise UserError(
            f"process {number} of this machine needs a GPU of its own, but torch sees {count}: "
            "start no more processes than GPUs (tasks_per_node), or give every task one"
        )
    return torch.device(wanted.type, number) if count > 1 or wanted.index else wanted


def of(module: "nn.Module") -> "torch.device":
    """The device a network lies on."""
    return next(module.parameters()).device


def fetched(values: "Tensor") -> "Tensor":
    """Brought to the host, which waits until the device has computed them.

    Every deliberate wait goes through here: between two of them a GPU is never idle.
    """
    return values.cpu()


def dtype(precision: Precision) -> "torch.dtype":
    """What autocast computes in."""
    import torch

    return {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def refuse_precision(precision: Precision, where: "torch.device", key: str) -> None:
    """Raises `UserError` if a device cannot compute in the precision that `key` was set to."""
    import torch

    if precision == "fp16" and where.type == "cpu":
        raise UserError(f"{key}=fp16 needs a GPU and this process has none; use bf16 or no")
    if precision == "bf16" and where.type == "cuda" and not torch.cuda.is_bf16_supported(False):
        raise UserError(
            f"{key}=bf16 cannot be used: {torch.cuda.get_device_name(where)} does not compute in "
            "bfloat16; use fp16 or no"
        )


def autocast(where: "torch.device", precision: Precision) -> "torch.autocast":
    """Within it, convolutions and products are computed in that precision on the device."""
    import torch

    enabled = precision != "no"
    return torch.autocast(where.type, dtype(precision) if enabled else None, enabled=enabled)


def loading(where: "torch.device", workers: int = -1) -> dict[str, Any]:
    """How torch's `DataLoader` feeds a device: its arguments besides data and batches.

    For a GPU, processes of their own read ahead into pinned memory; their number is a share of
    the cores, up to 8, unless `workers` says otherwise. Runs side by side have a share each: else
    sixteen on sixteen cores would start 128 processes.
    """
    gpu = where.type == "cuda"
    if workers < 0:
        sharing = [int(os.environ.get(name, "1")) for name in ("LOCAL_WORLD_SIZE", RUNS_HERE)]
        cores = len(os.sched_getaffinity(0)) // math.prod(sharing)
        workers = max(1, min(8, cores - 1)) if gpu else 0
    ahead = {"persistent_workers": True, "prefetch_factor": 4} if workers else {}
    return {"num_workers": workers, "pin_memory": gpu, **ahead}


@cache
def describe() -> dict[str, Any]:
    """What this process computes on, for a run's provenance: plain values."""
    import torch

    where = device()
    if where.type == "cpu":
        return {"device": "cpu", "name": torch.backends.cpu.get_cpu_capability()}
    found: dict[str, Any] = {
        "device": str(where),
        "count": torch.accelerator.device_count(),
        "name": str(where),
    }
    if where.type == "cuda":
        major, minor = torch.cuda.get_device_capability(where)
        found |= {
            "name": torch.cuda.get_device_name(where),
            "capability": f"{major}.{minor}",
            "memory_bytes": torch.cuda.get_device_properties(where).total_memory,
            "driver": _driver(),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "tf32_convolutions": torch.backends.cudnn.allow_tf32,
            "tf32_products": torch.backends.cuda.matmul.allow_tf32,
        }
    return found


def _driver() -> str:
    """The version of NVIDIA's driver; "" where nvidia-smi does not say."""
    import subprocess

    try:
        return subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout.split("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return ""
