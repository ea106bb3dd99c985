"""An edit paints on a GPU and waits for it once: shown on one that is not there."""

import numpy as np
from helpers import small

from benchmarks.editing.painting import paint
from benchmarks.editing.region import Place
from dreamtext.networks.model import DreamText
from dreamtext.weights.checkpoints import load_model, save_model


def test_an_edit(gpu: set[str], tmp_path) -> None:
    save_model(DreamText(small.config()), tmp_path / "model")
    photograph = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    place = Place(np.array([[40, 30], [120, 30], [120, 60], [40, 60]], float))
    model = load_model(tmp_path / "model")
    pictures = paint(model, photograph, place, "BOAT", [0, 1], colours="model")
    assert len(pictures) == 2
    assert all(picture.shape == photograph.shape for picture in pictures)
    assert gpu == {"dreamtext.sampling.solve.repaint", "benchmarks.editing.painting._repaint"}
