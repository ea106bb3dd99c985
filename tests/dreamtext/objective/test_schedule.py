"""When the terms of the loss act."""

import pytest

from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.objective.schedule import weights_at


def weights(step: int, *overrides: str) -> tuple[float, float]:
    config = override(preset("tiny"), ["training.steps=100", "objective.alpha=2", *overrides])
    found = weights_at(config, step)
    return found.attention, found.supervision


def test_supervision_ends_and_attention_stays() -> None:
    assert weights(24) == (2, 2)
    assert weights(25) == (2, 0)


def test_attention_can_wait_for_supervisions_end() -> None:
    late = "objective.attention_start=after_supervision"
    assert weights(24, late) == (0, 2)
    assert weights(25, late) == (2, 0)
    for mode in ("none", "full"):  # nothing to wait for
        assert weights(0, late, f"objective.supervision.mode={mode}")[0] == 2


def test_attention_can_come_by_a_ramp() -> None:
    ramp = "objective.attention_ramp=0.1"
    assert [weights(step, ramp)[0] for step in (0, 4, 9, 50)] == pytest.approx([0.2, 1, 2, 2])
    late = "objective.attention_start=after_supervision"
    assert [weights(step, ramp, late)[0] for step in (24, 25, 34)] == pytest.approx([0, 0.2, 2])
