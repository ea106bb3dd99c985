"""Configuration: what is refused, and what a run's identity depends on."""

import dataclasses
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamtext.configs import sections
from dreamtext.configs.presets import PRESETS, preset
from dreamtext.configs.schema import (
    Checked,
    from_dict,
    identity,
    option,
    override,
    signature,
    to_dict,
)
from dreamtext.configs.sections import Config, DataConfig, MaskConfig, SupervisionConfig
from dreamtext.errors import UserError

# A change here means that every run made so far would be computed again.
GOLDEN = {"smoke": "5c5d1da8965e569f", "tiny": "c20a4d555f49c449"}


def golden() -> dict[str, str]:
    return {name: signature(identity(preset(name))) for name in GOLDEN}


def test_signatures_of_presets_do_not_change() -> None:
    assert golden() == GOLDEN


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_spells_out_its_values(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No class default that enters a signature decides anything behind its back."""
    left_out = set()
    for cls in vars(sections).values():
        if isinstance(cls, type) and issubclass(cls, Checked) and cls is not Checked:

            def init(self: Checked, _made=cls.__init__, _cls=cls, **values: object) -> None:
                expected = {
                    f.name
                    for f in dataclasses.fields(_cls)
                    if f.metadata.get("identity", True) and "neutral" not in f.metadata
                }
                left_out.update(f"{_cls.__name__}.{n}" for n in expected - values.keys())
                _made(self, **values)

            monkeypatch.setattr(cls, "__init__", init)
    preset(name)
    assert not left_out


def test_unknown_key_names_the_nearest_known_one() -> None:
    with pytest.raises(UserError, match=r"training\.step'.*nearest.*training\.steps"):
        override(Config(), ["training.step=5"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training.steps=many", "training.steps.*whole number.*many"),
        ("training.lr=fast", "training.lr.*number"),
        ("objective.supervision.mode=half", "none, balanced, full"),
        ("model.unet.widths=48", "list"),
        ("training=5", "section"),
        ("training.steps", "key=value"),
        ("data.max_word_length=20", "max_length"),
        ("masks.blur_kernel=4", "odd"),
        ("training.steps=0", "positive"),
        ("objective.alpha=-1", r"alpha weighs a loss.*0 \(without it\) or more"),
    ],
)
def test_bad_overrides_are_named(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        override(Config(), [text])


def test_overrides_apply_and_leave_the_rest() -> None:
    config = override(Config(), ["training.steps=7", "model.unet.widths=[32,64]"])
    assert config.training.steps == 7
    assert config.model.unet.widths == (32, 64)
    assert config.masks == Config().masks


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_plain_values_round_trip(name: str) -> None:
    config = preset(name)
    assert from_dict(Config, to_dict(config)) == config


def test_paths_and_logging_are_no_part_of_identity() -> None:
    config = Config()
    moved = override(config, ["data.root=/elsewhere", "training.checkpoint_every=3"])
    assert identity(moved) == identity(config)
    assert to_dict(moved) != to_dict(config)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
@settings(deadline=None)
def test_meaning_decides_identity(a: int, b: int) -> None:
    one, two = (override(Config(), [f"training.steps={n}"]) for n in (a, b))
    assert (signature(identity(one)) == signature(identity(two))) == (a == b)


def test_an_option_added_later_keeps_old_signatures_while_neutral() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Before(Checked):
        size: int = 3

    @dataclass(frozen=True, kw_only=True)
    class After(Checked):
        size: int = 3
        rounding: str = option("none", neutral="none")

    assert identity(Before()) == identity(After())
    assert identity(Before()) != identity(After(rounding="up"))
    assert identity(dataclasses.replace(Before(), size=4)) != identity(Before())


@pytest.mark.parametrize(("mode", "steps"), [("none", 0), ("balanced", 250), ("full", 1000)])
def test_supervision_schedule(mode: str, steps: int) -> None:
    assert SupervisionConfig(mode=mode, warmup=0.25).steps(1000) == steps


def test_types_are_checked_on_construction() -> None:
    with pytest.raises(UserError, match=r"DataConfig\.height"):
        DataConfig(height="tall")
    with pytest.raises(UserError, match="positive"):
        MaskConfig(blur_sigma=0.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["mode=balanced", "warmup=0"], ["mode=none"]),
        (["mode=none", "warmup=0.5", "weight=7"], ["mode=none"]),
        (["mode=balanced", "warmup=1"], ["mode=full"]),
        (["mode=full", "warmup=0.5"], ["mode=full"]),
    ],
)
def test_what_trains_the_same_has_one_signature(one: list[str], other: list[str]) -> None:
    first, second = (
        signature(identity(override(Config(), [f"objective.supervision.{t}" for t in texts])))
        for texts in (one, other)
    )
    assert first == second
    assert first != signature(identity(Config()))


def test_a_shell_that_took_the_quotes_leaves_empty_text() -> None:
    assert override(preset("tiny"), ["model.unet.weights="]).model.unet.weights == ""
    with pytest.raises(UserError, match=r"objective\.alpha.*number.*''"):
        override(Config(), ["objective.alpha="])


def test_words_that_yaml_takes_for_booleans_are_words() -> None:
    config = override(Config(), ["training.mixed_precision=bf16"])
    assert override(config, ["training.mixed_precision=no"]).training.mixed_precision == "no"
    with pytest.raises(UserError, match="one of no, bf16, fp16, but True"):
        override(config, ["training.mixed_precision=yes"])
