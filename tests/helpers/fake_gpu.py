"""A GPU that is not there: tensors that claim to lie on one, have shapes and no values, and refuse
whatever mixes devices or would make the host wait."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import engine
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from dreamtext import devices

GPU = torch.device("cuda", 0)
OVERFLOW = "torch.amp.GradScaler.step"
# Where the host may wait for the GPU, and why.
ALLOWED = {
    OVERFLOW: "whether gradients overflowed, once a step, in fp16 alone",
    "dreamtext.networks.latent_cache.encode": "latents are kept by what their picture shows, once "
    "a batch, with training.latents alone",
    "dreamtext.networks.latent_cache._digest": "the autoencoder's name, once",
    "dreamtext.sampling.solve.repaint": "once a batch, whose pictures are fetched next",
    "dreamtext.sampling.pipeline._pictures": "a user's pictures, at the end of a call",
    "dreamtext.sampling.pipeline.__call__": "a user's attention maps, at the end of a call",
    "dreamtext.sampling.pipeline.<dictcomp>": "the same",
    "dreamtext.training.validation.validate": "pictures to be read, every validate_every steps",
    "dreamtext.training.validation._mean": "what goes to the log, every validate_every steps",
    "dreamtext.training.validation._sheet": "the sheet, every validate_every steps",
    "dreamtext.training.pretraining._fit": "the last score, once",
    "benchmarks.samples.painting.<dictcomp>": "a batch's pictures and maps, once all is asked for",
    "benchmarks.editing.painting._repaint": "a user's pictures, at the end of an edit",
    "baselines.ours.repaint": "a batch's pictures, at the end",
    "baselines.sd_inpainting.repaint": "a batch's pictures, in diffusers' pipeline",
    "baselines.udifftext.__call__": "whether any latent has yet to move: its loop is that long",
    "benchmarks.metrics.judges.parseq.forward": "whether any word goes on, once a character",
    "benchmarks.metrics.judges.parseq.read": "a batch's readings",
    "benchmarks.metrics.detectors.inception.features": "a batch's features",
    "benchmarks.metrics.detectors.efficientnet.blocks": "a batch's features",
    "benchmarks.metrics.detectors.efficientnet.distance": "a batch's distances",
    "benchmarks.metrics.detectors.transformers.features": "all features, at the end",
    "benchmarks.metrics.pairs.lpips_distance": "a batch's distances",
}


class Machine(TorchDispatchMode):
    """The host computes for real, the GPU only in shapes.

    Notes every copy from the device to the host, and where in the project it was asked for: fake
    tensors refuse `.item()`, `if tensor`, `.numpy()` and boolean indexing, but not plain copies.
    """

    def __init__(self, shapes: FakeTensorMode, waits: set[str]) -> None:
        super().__init__()
        self.shapes, self.waits = shapes, waits

    def fake(self, tensor: Tensor) -> Tensor:
        """The shape of a tensor on the host, as it goes to the GPU."""
        return tensor if isinstance(tensor, FakeTensor) else self.shapes.from_tensor(tensor)

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        fakes = [leaf for leaf in leaves if isinstance(leaf, FakeTensor)]
        if not fakes and GPU.type not in [getattr(leaf, "type", "") for leaf in leaves]:
            with unset_fake_temporarily():
                return function(*args, **kwargs)
        args, kwargs = tree_map_only(Tensor, self.fake, (args, kwargs))
        result = function(*args, **kwargs)
        copying = function._schema.name in ("aten::_to_copy", "aten::copy_")
        if (
            copying
            and result.device.type == "cpu"
            and any(f.device.type == GPU.type for f in fakes)
        ):
            self.waits.add(caller())
        return result


def caller() -> str:
    """Where in the project's own code the innermost call stands, as `module.function`."""
    frame = sys._getframe(1)
    own = ("dreamtext.", "baselines.", "benchmarks.")
    while frame:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(own) and name != devices.__name__:
            return f"{name}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"


@contextmanager
def fake_gpu(patch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Within it `devices.device()` is a GPU that computes shapes.

    Yields a set that fills with where the host waited for it, deliberately (`devices.fetched`,
    whose answer is all ones) or by a copy.
    """
    waits: set[str] = set()
    shapes = FakeTensorMode(allow_non_fake_inputs=True)

    def fetched(values: Tensor) -> Tensor:
        waits.add(caller())
        with unset_fake_temporarily():
            return torch.ones(values.shape, dtype=values.dtype)

    patch.setattr(devices, "device", lambda asked="auto": GPU)

    def step(scaler: Any, optimizer: Any, _: Any) -> None:
        waits.add(OVERFLOW)
        optimizer.step()

    patch.setattr(devices, "fetched", fetched)
    for name in ("load", "save"):  # files hold values
        patch.setattr(torch, name, _on_the_host(getattr(torch, name)))
    patch.setattr(Tensor, "backward", engine.backward)
    patch.setattr(torch.autograd, "grad", engine.grad)
    patch.setattr(torch.amp.GradScaler, "_maybe_opt_step", step)
    patch.setattr(nn.Module, "_apply", _replace_tensors)
    patch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    with shapes, Machine(shapes, waits):
        yield waits


def _on_the_host(function: Callable) -> Callable:
    def called(*args: Any, **kwargs: Any) -> Any:
        with unset_fake_temporarily():
            return function(*args, **kwargs)

    return called


def _replace_tensors(network: nn.Module, change: Any, recurse: bool = True) -> nn.Module:
    """`Module._apply`, which swaps tensors in place: fake ones cannot be swapped."""
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                changed = nn.Parameter(change(parameter.detach()), parameter.requires_grad)
                module._parameters[name] = changed
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = change(buffer)
    return network


class OneGpu:
    """In the place of accelerate's `Accelerator` on a single GPU."""

    device, process_index, num_processes, is_main_process = GPU, 0, 1, True

    def __init__(self, precision: devices.Precision = "no") -> None:
        self.precision = precision
        self.scaler = torch.amp.GradScaler("cuda") if precision == "fp16" else None

    def prepare(self, step: nn.Module) -> nn.Module:
        return _Cast(step, self.precision)

    def backward(self, loss: Tensor) -> None:
        assert loss.device == GPU
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def no_sync(self, _: Any) -> Any:
        return nullcontext()

    def clip_grad_norm_(self, parameters: Any, norm: float) -> None:
        nn.utils.clip_grad_norm_(list(parameters), norm)


class _Cast(nn.Module):
    def __init__(self, step: nn.Module, precision: devices.Precision) -> None:
        super().__init__()
        self.step, self.precision = step, precision

    def forward(self, *arguments: Any) -> Any:
        with devices.autocast(GPU, self.precision):
            return self.step(*arguments)


def nowhere() -> Path:
    """A folder for code that names one and writes nothing."""
    return Path("/nonexistent")
