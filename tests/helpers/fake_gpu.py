"""A GPU that is not there: tensors that claim to lie on one, have shapes and no values, and refuse
whatever mixes devices or would make the host wait."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from dreamtext import devices

GPU = torch.device("cuda", 0)


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
    patch.setattr(devices, "fetched", fetched)
    patch.setattr(nn.Module, "_apply", _replace_tensors)
    patch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    with shapes, Machine(shapes, waits):
        yield waits


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
        self.precision, self.scaler = precision, None

    def prepare(self, step: nn.Module, *optimizers: Any) -> tuple:
        self.trained = [p for p in step.parameters() if p.requires_grad]
        return (_Cast(step, self.precision), *optimizers)

    def backward(self, loss: Tensor) -> None:
        """Gradients in their shapes. The one thing that is not run is autograd's own engine, which
        asks CUDA's driver for its streams; the graph behind the loss is walked instead."""
        assert loss.device == GPU
        assert loss.requires_grad
        reached, seen, left = set(), set(), [loss.grad_fn]
        while left:
            node = left.pop()
            if node in seen:
                continue
            seen.add(node)
            if hasattr(node, "variable"):
                reached.add(node.variable)
            left += [following for following, _ in node.next_functions if following]
        assert reached
        assert all(p.device == GPU for p in reached)
        for parameter in self.trained:
            if parameter in reached:
                parameter.grad = torch.empty_like(parameter)

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
