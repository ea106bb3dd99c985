"""Ways to save memory and time train to what full precision does, and resume to the same bits."""

import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from diffusers.models.resnet import ResnetBlock2D
from helpers import small

from dreamtext.configs.sections import Config
from dreamtext.data import open_dataset
from dreamtext.errors import Interrupted
from dreamtext.training import optimizer
from dreamtext.training.loop import compile_blocks, train

SHORT = (
    "training.steps=4",
    "training.validate_every=100",
    "training.checkpoint_every=100",
    "training.log_every=1",
    "objective.supervision.mode=full",
)
COMPILER = pytest.mark.skipif(not shutil.which("g++"), reason="no g++: nothing can be compiled")
# A share of the loss that a way may be away from full precision over four steps: bfloat16 keeps 8
# bits of a number, half precision 11, the others compute the same sums in another order.
WAYS = {
    "fp16": (("training.mixed_precision=fp16",), 0.005),
    "compiled": (("training.compile=true",), 1e-4),
    "bf16": (("training.mixed_precision=bf16",), 0.02),
    "bf16, full self-attention": (
        ("training.mixed_precision=bf16", "training.self_attention=full"),
        0.02,
    ),
    "checkpointing": (("training.gradient_checkpointing=true",), 1e-5),
    "accumulation": (("training.batch_size=2", "training.accumulate=2"), None),
    "fp16, accumulation, checkpointing": (
        (
            "training.mixed_precision=fp16",
            "training.batch_size=2",
            "training.accumulate=2",
            "training.gradient_checkpointing=true",
        ),
        None,
    ),
}
MARKS = {"compiled": [pytest.mark.slow, COMPILER]}


@pytest.fixture(autouse=True, scope="module")
def other_tests_have_their_own_precision():
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def losses(config: Config, folder: Path, stop_after: int = 100) -> list[float]:
    """The losses of a training in a folder, which goes on from where it was stopped."""
    from dreamtext.training.log import read_log

    steps = count(1)
    data = (open_dataset(config.data, name) for name in ("train", "validation"))
    AcceleratorState._reset_state(reset_partial_state=True)  # one precision a process, else
    half = config.training.mixed_precision == "fp16"
    with suppress(Interrupted):
        train(
            config,
            folder,
            *data,
            should_stop=lambda: next(steps) >= stop_after,
            accelerator=in_half_precision() if half else None,
        )
    return [row["total"] for row in read_log(folder / "log.jsonl") if "total" in row]


def in_half_precision() -> Accelerator:
    """What accelerate refuses a CPU, which can: autocast to float16, and its gradient scaler."""
    accelerator = Accelerator(cpu=True)
    accelerator.state._mixed_precision = "fp16"
    accelerator.native_amp = True
    accelerator.scaler = torch.amp.GradScaler("cpu")
    return accelerator


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> list[float]:
    config = small.config(*SHORT, "training.mixed_precision=no", "training.self_attention=mixed")
    return losses(config, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("way", [pytest.param(way, marks=MARKS.get(way, ())) for way in WAYS])
def test_the_loss_agrees_and_a_resumed_run_is_the_same(
    way: str, plain: list[float], tmp_path: Path
) -> None:
    overrides, tolerance = WAYS[way]
    full = ("training.mixed_precision=no", "training.self_attention=mixed")
    config = small.config(*SHORT, *full, *overrides)
    whole = losses(config, tmp_path / "whole")
    if tolerance is not None:
        assert whole == pytest.approx(plain, rel=tolerance)
    losses(config, tmp_path / "resumed", stop_after=2)
    assert losses(config, tmp_path / "resumed") == whole
    made = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "resumed")]
    assert made[0].read_bytes() == made[1].read_bytes()


def test_blocks_of_any_number_of_shapes_are_compiled() -> None:
    blocks = [ResnetBlock2D(in_channels=4 * n, temb_channels=8, groups=4) for n in range(1, 13)]
    unet = torch.nn.ModuleList(blocks)
    compile_blocks(unet, backend="eager")
    torch._dynamo.utils.counters.clear()  # of what other tests compiled
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        for enabled in (True, False):  # a training validates too
            with torch.set_grad_enabled(enabled):
                for block in blocks:
                    x = torch.randn(2, block.in_channels, 4, 4)
                    assert block(x, torch.randn(2, 8)).shape == x.shape
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= len(blocks)


# --- gradients that were scaled -----------------------------------------------------------------


def two_optimizers(scale: float) -> tuple[list[torch.nn.Parameter], list[torch.optim.Optimizer]]:
    """A matrix for Muon and a vector for AdamW, whose gradients are scaled."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 6), (5,)]
    trained = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in shapes]
    for parameter in trained:
        parameter.grad = scale * torch.randn(parameter.shape, generator=generator)
    return trained, [
        torch.optim.AdamW([trained[1]], lr=0.1),
        optimizer.Muon([trained[0]], lr=0.1),
    ]


@pytest.mark.parametrize("clip", [0, 1])
def test_both_optimisers_step_on_gradients_unscaled_once(clip: float) -> None:
    config = small.config(f"training.clip_norm={clip}").training
    plain, optimizers = two_optimizers(1)
    optimizer.step(optimizers, plain, config)
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.ones(()))  # makes its scale
    scaled, optimizers = two_optimizers(scaler.get_scale())
    optimizer.step(optimizers, scaled, config, scaler)
    for one, other in zip(plain, scaled, strict=True):
        assert torch.equal(one, other)
        assert other.grad is None


@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
@pytest.mark.parametrize("which", [0, 1])
def test_what_overflows_in_one_optimiser_is_left_out_of_both(wrong: float, which: int) -> None:
    """Clipped together, one gradient that is no number would make all so."""
    config = small.config("training.clip_norm=1").training
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.ones(()))
    scale = scaler.get_scale()
    trained, optimizers = two_optimizers(scale)
    before = [parameter.detach().clone() for parameter in trained]
    trained[which].grad.flatten()[2] = wrong
    optimizer.step(optimizers, trained, config, scaler)
    assert all(torch.equal(one, other) for one, other in zip(before, trained, strict=True))
    assert scaler.get_scale() == scale / 2
