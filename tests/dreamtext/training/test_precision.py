"""Ways to save memory and time train to what full precision does, and resume to the same bits."""

from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from helpers import small

from dreamtext.configs.sections import Config
from dreamtext.data import open_dataset
from dreamtext.errors import Interrupted
from dreamtext.training.loop import train

SHORT = (
    "training.steps=4",
    "training.validate_every=100",
    "training.checkpoint_every=100",
    "training.log_every=1",
    "objective.supervision.mode=full",
)
# A share of the loss that a way may be away from full precision over four steps: bfloat16 keeps 8
# bits of a number, the others compute the same sums in another order.
WAYS = {
    "bf16": (("training.mixed_precision=bf16",), 0.02),
    "bf16, full self-attention": (
        ("training.mixed_precision=bf16", "training.self_attention=full"),
        0.02,
    ),
    "checkpointing": (("training.gradient_checkpointing=true",), 1e-5),
    "accumulation": (("training.batch_size=2", "training.accumulate=2"), None),
}


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
    with suppress(Interrupted):
        train(config, folder, *data, should_stop=lambda: next(steps) >= stop_after)
    return [row["total"] for row in read_log(folder / "log.jsonl") if "total" in row]


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> list[float]:
    config = small.config(*SHORT, "training.mixed_precision=no", "training.self_attention=mixed")
    return losses(config, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("way", WAYS)
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
