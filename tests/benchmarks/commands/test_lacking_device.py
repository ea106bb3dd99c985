"""A device or a precision that the machine lacks is named, and nothing is half written."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import small
from PIL import Image

from benchmarks import cli
from benchmarks.runs.manifest import Benchmark, draw, open_samples
from benchmarks.samples.painting import ModelPainter, paint
from dreamtext.errors import UserError
from dreamtext.networks.model import DreamText
from dreamtext.weights.checkpoints import save_model

pytestmark = pytest.mark.skipif(
    torch.accelerator.is_available(), reason="this machine has an accelerator"
)


def leaves(monkeypatch: pytest.MonkeyPatch, capsys, *arguments: object) -> tuple[int, str]:
    """Exit code and message of the command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["dreamtext", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0), capsys.readouterr().err


def more_tasks_than_gpus(patch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    patch.setattr(torch.accelerator, "current_accelerator", lambda check_available: gpu)
    patch.setattr(torch.accelerator, "device_count", lambda: 2)
    patch.setenv("LOCAL_RANK", "2")


LACKING = {
    "device": (
        lambda patch: patch.setenv("DREAMTEXT_DEVICE", "cuda"),
        (),
        "'cuda' was asked for, but torch .* sees no accelerator",
    ),
    "precision": (
        lambda patch: None,
        ("training.mixed_precision=fp16",),
        "training.mixed_precision=fp16 needs a GPU .* use bf16 or no",
    ),
    "gpus": (more_tasks_than_gpus, (), "process 2 .* but torch sees 2: start no more processes"),
}


@pytest.mark.parametrize("lacking", LACKING)
def test_training_says_what_is_lacking_and_keeps_no_weights(
    lacking: str, monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    prepare, settings, named = LACKING[lacking]
    prepare(monkeypatch)
    arguments = ("train", "--preset", "smoke", "--runs", tmp_path, *settings)
    code, message = leaves(monkeypatch, capsys, *arguments)
    assert code == 2
    assert "Traceback" not in message
    (said,) = [line for line in message.splitlines() if line.startswith("dreamtext: ")]
    assert re.search(named, said)
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"spec.json", "provenance.json", "FAILED.json", "lease-000001.json"}
    (failed,) = tmp_path.glob("*/FAILED.json")
    assert said.removeprefix("dreamtext: ")[:30] in json.dumps(json.loads(failed.read_text()))


def test_sampling_in_a_precision_that_is_lacking_writes_no_part(tmp_path: Path) -> None:
    config = small.config("sampling.precision=fp16")
    manifest = draw(config.data, Benchmark(n=2))
    dataset = open_samples(config.data, manifest)
    painter = ModelPainter(DreamText(config).eval(), config.sampling)
    with pytest.raises(UserError, match=r"sampling.precision=fp16 needs a GPU"):
        paint(painter, manifest, dataset, tmp_path)
    assert list(tmp_path.rglob("*")) == []


def test_an_edit_on_a_device_that_is_lacking_writes_no_picture(
    monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    save_model(DreamText(small.config()), tmp_path / "model")
    photograph, out = tmp_path / "photo.png", tmp_path / "out.png"
    Image.fromarray(np.full((90, 160, 3), 128, np.uint8)).save(photograph)
    monkeypatch.setenv("DREAMTEXT_DEVICE", "cuda")
    options = ("--region", "10,10,80,40", "--word", "HI", "--model", tmp_path / "model")
    code, message = leaves(monkeypatch, capsys, "edit", photograph, *options, "--out", out)
    assert code == 2
    assert "'cuda' was asked for" in message
    assert not out.exists()
