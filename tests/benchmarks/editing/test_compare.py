"""The sheet of embedded edits whose truth is known."""

import numpy as np
import torch
from helpers import small
from PIL import Image

from benchmarks.editing import compare
from benchmarks.runs.manifest import Benchmark, draw
from dreamtext.data import open_dataset
from dreamtext.networks.model import DreamText
from dreamtext.weights.checkpoints import save_model


def test_a_sheet_has_a_row_a_sample_with_its_truth_and_says_how_far_from_it(tmp_path, capsys):
    torch.manual_seed(0)
    model = DreamText(small.config("sampling.steps=2"))
    save_model(model, tmp_path / "model")
    distances = compare.main(tmp_path / "sheet.png", tmp_path / "model", samples=3)
    assert all(0 < distance < 255 for distance in distances)
    said = capsys.readouterr().out
    assert "3 samples" in said
    assert f"{distances[0]:.1f}, its letters in the photograph's colours {distances[1]:.1f}" in said
    data = model.config.data
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    scale, head = compare._SCALE, compare._HEAD_PX
    assert sheet.shape == (head + 3 * data.height * scale, 4 * data.width * scale, 3)
    dataset = open_dataset(data, "test")
    for row, entry in enumerate(draw(data, Benchmark(task="editing", n=3)).entries):
        first = head + row * data.height * scale
        line = sheet[first : first + data.height * scale : scale, ::scale]
        before, by_model, by_letters, truth = np.split(line, 4, axis=1)
        sample, target = dataset[entry.index], dataset.target(entry.index, entry.word)
        assert np.array_equal(before, sample.image)
        assert np.array_equal(truth, target.image)
        assert not np.array_equal(by_model, before)
        assert not np.array_equal(by_letters, by_model)
