"""Every data set goes through the one training loop."""

import json
from dataclasses import replace

import pytest
import torch

from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.configs.sections import DataConfig
from dreamtext.data import open_dataset
from dreamtext.data.embedded.world import EmbeddedWorld
from dreamtext.data.index import open_index
from dreamtext.data.packing import pack
from dreamtext.data.prepare import prepare
from dreamtext.data.writers import WRITERS, scenes, write
from dreamtext.errors import UserError
from dreamtext.training.loop import train


@pytest.fixture(scope="module")
def pictures():
    worlds = {s: EmbeddedWorld(DataConfig(train_size=16), s, 16) for s in ("train", "validation")}
    return [scene for split, world in worlds.items() for scene in scenes(world, 2, split)]


def _config(name, root, mode):
    base = preset("smoke")
    data = replace(base.data, name=name, root=str(root), word_area=0.35)
    return override(
        replace(base, data=data),
        [
            "training.steps=2",
            "training.batch_size=4",
            "training.log_every=1",
            "training.validate_every=2",
            "model.glyph.pretrain_steps=1",
            f"objective.supervision.mode={mode}",
        ],
    )


@pytest.mark.parametrize("name", WRITERS)
def test_two_steps_on_each_data_set(name, tmp_path, pictures):
    torch.set_num_threads(1)
    root = tmp_path / "set"
    write(name, root, pictures)
    prepare(name, root, progress=False)
    if name == "textseg":  # and once through shards
        pack(open_index(root, name), tmp_path / "packed", images=1, progress=False)
        root = tmp_path / "packed"
    config = _config(name, root, "none" if name == "icdar13" else "full")
    sets = [open_dataset(config.data, split) for split in ("train", "validation")]
    train(config, tmp_path, *sets)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "total" in line] == [1, 2]
    assert all(0 < line["total"] < 1e3 for line in lines if "total" in line)


def test_supervision_without_masks_is_refused_and_says_why(tmp_path, pictures):
    root = tmp_path / "set"
    write("icdar13", root, pictures)
    prepare("icdar13", root, progress=False)
    config = _config("icdar13", root, "full")
    dataset = open_dataset(config.data, "train")
    with pytest.raises(UserError, match=r"no character masks.*supervision\.mode=none"):
        train(config, tmp_path, dataset, dataset)
