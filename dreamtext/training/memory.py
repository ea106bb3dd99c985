"""What a training step needs of memory and arithmetic, found by running it on tensors without data.

The whole step of the training loop runs on fake tensors, which have shapes and no values: forward,
backward, recomputation, clipping, optimisers, average. What is alive at once is added up, each
storage once, and its peak is the plan. Nothing is allocated and nothing is modelled.
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from dreamtext import devices
from dreamtext.configs.sections import Config
from dreamtext.data.sample import Batch
from dreamtext.networks.attention import keep_self_attention_full
from dreamtext.networks.autoencoder import latent_shape
from dreamtext.networks.diffusion import Draw
from dreamtext.networks.model import DreamText
from dreamtext.objective.schedule import weights_at
from dreamtext.objective.step import TrainingStep
from dreamtext.training import optimizer
from dreamtext.training.average import Average
from dreamtext.training.loop import select_trainable

GIB = 2**30
CARDS = (24, 40, 80, 141)  # GiB
_SPARE = 0.92  # of a card: the rest is the driver's, the libraries', and gaps between tensors


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Bytes and operations of one process's training step.

    Attributes:
        parameters: how many each part of the model has.   trained: how many of them are trained.
        weights, gradients, optimizer, average: kept throughout.
        optimising: the most that is alive in the optimisers' step, whatever the batch.
        total: the most that is alive at once.
        operations: floating-point operations of a step's matrix products and convolutions.
    """

    parameters: dict[str, int]
    trained: int
    weights: int
    gradients: int
    optimizer: int
    average: int
    optimising: int
    total: int
    operations: int

    @property
    def activations(self) -> int:
        """What the peak has beside what is kept throughout."""
        return self.total - self.weights - self.gradients - self.optimizer - self.average


class Alive(TorchDispatchMode):
    """Adds up the storages that are alive; `peak` is the most there were at once. Counts the
    `operations` of matrix products and convolutions.

    torch's own `FlopCounterMode` hangs hooks on the graph, by which what a checkpointed block
    computes again stays alive: it would be counted as needed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = self.operations = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self.count(value)
        if counted := flop_registry.get(function._overloadpacket):
            self.operations += counted(*args, **kwargs, out_val=result)
        return result

    def count(self, tensor: Tensor) -> None:
        """A tensor is there from now on, until the last that shares its storage is gone."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def plan(config: Config, processes: int = 1) -> MemoryPlan:
    """Run a configuration's training step without data, its batch shared among `processes`."""
    batch = max(1, config.training.batch_size // processes)
    with torch.device("meta"):  # some parts compute as they are built, which fake tensors refuse
        model = DreamText(config)
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device="cpu")
        step = Step(model)
        kept = [*model.parameters(), *model.buffers()]
        with Alive() as alive:
            for tensor in (*kept, *step.average.shadow.values()):
                alive.count(tensor)
            step.optimise_without_gradient()  # so that the optimisers have all they will keep
            optimising, before = alive.peak, alive.operations
            step(batch)
    return MemoryPlan(
        parameters={
            name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()
        },
        trained=sum(p.numel() for p in step.trained),
        weights=_bytes(kept),
        gradients=_bytes(step.trained),
        optimizer=_bytes(step.moments()),
        average=_bytes(step.average.shadow.values()),
        optimising=optimising,
        total=alive.peak,
        operations=(alive.operations - before) * config.training.accumulate,
    )


class Step:
    """A step as `loop.Trainer` takes it, of samples that are all zero."""

    def __init__(self, model: DreamText) -> None:
        self.model, training = model, model.config.training
        select_trainable(model)
        if training.gradient_checkpointing:
            model.unet.enable_gradient_checkpointing()
        if training.self_attention == "full":
            keep_self_attention_full(model.unet)
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.average = Average(model, training.ema)
        self.optimizers = optimizer.build(model, training)
        self.step = TrainingStep(model.train())

    def __call__(self, size: int) -> None:
        config = self.model.config
        batch, draw = zeros(config, size)
        with devices.autocast(batch.image.device, config.training.mixed_precision):
            loss = self.step(batch, draw, weights_at(config, 0))["total"]
        loss.backward()
        del loss
        optimizer.step(self.optimizers, self.trained, config.training)
        self.average.update(0)

    def optimise_without_gradient(self) -> None:
        """A step of the optimisers alone."""
        for parameter in self.trained:
            parameter.grad = torch.zeros_like(parameter)
        for each in self.optimizers:
            each.step()
            each.zero_grad()

    def moments(self) -> Iterator[Tensor]:
        """What the optimisers keep of each parameter."""
        for each in self.optimizers:
            for state in each.state.values():
                yield from (v for v in state.values() if isinstance(v, Tensor) and v.ndim)


def zeros(config: Config, size: int) -> tuple[Batch, Draw]:
    """A batch and a draw of a configuration's shapes."""
    data, glyph, latent = config.data, config.model.glyph, latent_shape(config)
    batch = Batch(
        image=torch.zeros(size, 3, data.height, data.width),
        region=torch.zeros(size, 1, data.height, data.width),
        tokens=torch.zeros(size, data.max_length, dtype=torch.long),
        characters=torch.zeros(size, data.height, data.width, dtype=torch.uint8),
        has_characters=torch.zeros(size, dtype=torch.bool),
        crop=torch.zeros(size, 1, glyph.height, glyph.width),
    )
    drawn = config.model.autoencoder.posterior == "sample"
    return batch, Draw(
        timesteps=torch.zeros(size, dtype=torch.long),
        noise=torch.zeros(size, *latent),
        dropped=torch.zeros(size, dtype=torch.bool),
        latent_noise=torch.zeros(size, 2, *latent) if drawn else None,
    )


def _bytes(tensors: Any) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)


def largest_batches(config: Config) -> dict[int, int]:
    """Card (GiB) -> the most samples a step can have on it; 0 where not even one fits.

    From some size on the peak grows by the same for every sample; below it, the optimisers' step is
    the peak, which has nothing to do with samples.
    """

    def peak(size: int) -> int:
        return plan(replace(config, training=replace(config.training, batch_size=size))).total

    least, eight, sixteen = peak(1), peak(8), peak(16)
    each = (sixteen - eight) / 8
    fixed = eight - 8 * each
    largest = {}
    for card in CARDS:
        room = card * GIB * _SPARE
        largest[card] = int((room - fixed) // each) if room >= least else 0
    return largest


def gpu_hours(config: Config, peak_tflops: float, utilisation: float) -> float:
    """Hours of one GPU that a training takes: its operations at a share of the peak rate."""
    operations = plan(config).operations * config.training.steps
    return operations / (peak_tflops * 1e12 * utilisation) / 3600
