"""Named configurations. They differ only in values."""

from collections.abc import Callable
from dataclasses import replace

from dreamtext.configs.paper import paper
from dreamtext.configs.sections import (
    Config,
    DataConfig,
    MaskConfig,
    ModelConfig,
    ObjectiveConfig,
    SamplingConfig,
    SegmentationConfig,
    SupervisionConfig,
    TextEncoderConfig,
    TrainingConfig,
    UNetConfig,
)
from dreamtext.errors import UserError


def tiny() -> Config:
    """Words of 3 to 4 capitals, 12 fonts, 32 x 64: supervised, it spells about half of them after
    its 1,200 steps (`results/supervision/table.md`)."""
    return Config()


def smoke() -> Config:
    """The whole loop, as short as it can be; its numbers are not meant to be good."""
    return Config(
        data=DataConfig(train_size=1000),
        model=ModelConfig(
            unet=UNetConfig(widths=(32, 64)), text=TextEncoderConfig(width=64, feedforward=128)
        ),
        training=TrainingConfig(
            steps=40, batch_size=8, lr_warmup=5, ema=0.9, checkpoint_every=10, validate_every=20
        ),
        sampling=SamplingConfig(steps=4),
    )


def demo() -> Config:
    """A narrower `tiny` with a quarter of its steps: enough to see full supervision find
    the characters, too few to spell."""
    base = tiny()
    return replace(
        base,
        data=replace(base.data, train_size=10_000),
        model=replace(base.model, unet=UNetConfig(widths=(48, 96))),
        training=replace(base.training, steps=300, validate_every=100),
    )


def small() -> Config:
    """Words of 1 to 8 letters and digits, both cases, all training fonts, 32 x 128: the model
    behind `dreamtext edit`.

    It is also told how the word looks when typeset, as TextDiffuser's: with that it spells in
    under half an hour. To compare ways of guiding characters, switch it off
    (`model.segmentation.channels=0`) and train for longer.
    """
    return Config(
        data=DataConfig(
            width=128,
            alphabet="alphanumeric",
            min_word_length=1,
            max_word_length=8,
            fonts=0,
            train_size=120_000,
        ),
        # Twice the characters of `tiny` in a word, so one octave more of places within it.
        model=ModelConfig(
            unet=UNetConfig(coordinate_octaves=5), segmentation=SegmentationConfig(channels=8)
        ),
        masks=MaskConfig(height=8, width=32),
        objective=ObjectiveConfig(supervision=SupervisionConfig(mode="full")),
        training=TrainingConfig(steps=900),
    )


PRESETS: dict[str, Callable[[], Config]] = {
    "smoke": smoke,
    "demo": demo,
    "tiny": tiny,
    "small": small,
    "paper": paper,
}


def preset(name: str) -> Config:
    """The configuration of that name.

    Raises:
        UserError: there is no such preset.
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset '{name}'; there are {', '.join(PRESETS)}")
    return PRESETS[name]()
