"""How much memory a training step needs, counted from shapes before anything is allocated.

The U-Net and the character encoder run once on fake tensors, which have shapes and no data; what
autograd would keep for the backward pass is added up, each storage once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from dreamtext.configs.sections import Config
from dreamtext.networks.model import DreamText
from dreamtext.training import optimizer
from dreamtext.training.batches import latent_shape

_DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Bytes of one process's training step.

    Attributes:
        parameters: how many each part of the model has.   trained: how many of them are trained.
        weights, gradients, optimizer, average: kept throughout.
        activations: kept for the backward pass, at most.
        saved: what they would be without gradient checkpointing.
    """

    parameters: dict[str, int]
    trained: int
    weights: int
    gradients: int
    optimizer: int
    average: int
    activations: int
    saved: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.average + self.activations


def plan(config: Config, processes: int = 1) -> MemoryPlan:
    """Count a configuration's training step, its batch shared among `processes`."""
    from dreamtext.training.loop import select_trainable

    with torch.device("meta"):  # some parts compute as they are built, which fake tensors refuse
        model = DreamText(config)
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device="cpu")
        select_trainable(model)
        parameters = {
            name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()
        }
        trained = [p for p in model.parameters() if p.requires_grad]
        weights = sum(p.numel() * p.element_size() for p in model.parameters())
        gradients = sum(p.numel() * p.element_size() for p in trained)
        moments = sum(
            p.numel() * p.element_size() * (1 if isinstance(o, optimizer.Muon) else 2)
            for o in optimizer.build(model, config.training)
            for group in o.param_groups
            for p in group["params"]
        )
        batch = config.training.batch_size // processes
        saved, activations = _activations(model.train(), max(1, batch))
    return MemoryPlan(
        parameters=parameters,
        trained=sum(p.numel() for p in trained),
        weights=weights,
        gradients=gradients,
        optimizer=moments,
        average=gradients if config.training.ema else 0,
        activations=activations,
        saved=saved,
    )


def _activations(model: DreamText, batch: int) -> tuple[int, int]:
    """Bytes kept for the backward pass: without, and with what gradient checkpointing spares."""
    config = model.config
    _, height, width = latent_shape(config)
    precision = config.training.mixed_precision
    tokens = torch.ones(batch, config.data.max_length, dtype=torch.long)
    given = torch.zeros(batch, model.unet.config.in_channels, height, width)
    with (
        _counting(model) as count,
        torch.autocast("cpu", _DTYPES[precision], enabled=precision != "no"),
    ):
        text = model.text_encoder(tokens)
        with model.recorder.recording((height, width)):
            model.unet(
                given,
                torch.zeros(batch, dtype=torch.long),
                encoder_hidden_states=text,
                encoder_attention_mask=model.text_encoder.attention_mask(tokens),
            )
    if not config.training.gradient_checkpointing:
        return count.total, count.total
    spared = sum(block.saved for block in count.blocks)
    entries = sum(block.entry for block in count.blocks)
    largest = max((block.saved for block in count.blocks), default=0)
    return count.total, count.total - spared + entries + largest


@dataclass
class _Block:
    entry: int  # bytes of what goes in
    before: int  # what had been counted when it began
    saved: int = 0  # bytes kept inside


class _Count:
    def __init__(self, fixed: set[int]) -> None:
        self.seen: dict[int, Tensor] = {}
        self.fixed, self.total = fixed, 0
        self.blocks: list[_Block] = []

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self.seen and key not in self.fixed:
            self.seen[key] = tensor  # held, so that its key is not given to another
            self.total += storage.nbytes()
        return tensor


@contextmanager
def _counting(model: nn.Module) -> Iterator[_Count]:
    """Within it, what autograd saves is counted; parameters are not, they are weights."""
    count = _Count({p.untyped_storage()._cdata for p in model.parameters()})
    running: list[_Block] = []

    def before(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        first = next(v for v in (*args, *kwargs.values()) if isinstance(v, Tensor))
        running.append(_Block(first.numel() * first.element_size(), count.total))

    def after(module: nn.Module, args: tuple, output: Any) -> None:
        block = running.pop()
        block.saved = count.total - block.before
        count.blocks.append(block)

    handles = []
    for module in model.modules():
        if isinstance(module, ResnetBlock2D | BasicTransformerBlock):
            handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
            handles.append(module.register_forward_hook(after))
    try:
        with torch.autograd.graph.saved_tensors_hooks(count.pack, lambda tensor: tensor):
            yield count
    finally:
        for handle in handles:
            handle.remove()
