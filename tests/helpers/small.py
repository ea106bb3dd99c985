"""The smallest configuration that runs the whole loop, for tests."""

from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config

OVERRIDES = (
    "data.train_size=60",
    "model.unet.widths=[16,32]",
    "model.text.width=32",
    "model.text.feedforward=32",
    "model.glyph.features=16",
    "model.glyph.pretrain_steps=2",
    "training.steps=12",
    "training.batch_size=4",
    "training.checkpoint_every=2",
    "training.validate_every=6",
    "training.log_every=1",
    "sampling.steps=2",
)


def config(*overrides: str) -> Config:
    return override(preset("smoke"), (*OVERRIDES, *overrides))
