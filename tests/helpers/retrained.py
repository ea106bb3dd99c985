"""The smallest configurations of other papers' objectives, shared by their tests."""

from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config
from dreamtext.data.embedded.world import render
from dreamtext.data.sample import collate

QUICK = (
    "training.steps=3",
    "training.batch_size=4",
    "training.lr_warmup=1",
    "model.glyph.pretrain_steps=2",
    "data.train_size=64",
)
LAYOUT = (
    *QUICK,
    "model.segmentation.channels=8",
    "model.segmentation.pretrain_steps=2",
    "objective.character_weight=0.01",
)


def smoke(*assignments):
    return override(preset("smoke"), assignments)


def batch_of(count=4):
    return collate([render(Config().data, "train", i) for i in range(count)])
