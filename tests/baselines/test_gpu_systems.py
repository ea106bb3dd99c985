"""Systems in this process paint on a GPU, and wait for it where they must: shown on one that is
not there. Systems in processes of their own choose their device themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from diffusers.image_processor import VaeImageProcessor
from helpers import small
from helpers.fake_gpu import GPU
from helpers.tiny_diffusion import SIZE, write_inpainting

from baselines.catalogue import configured
from baselines.ours import OurModel
from baselines.request import Request
from baselines.system import System, ask
from dreamtext import devices
from dreamtext.networks.model import DreamText
from dreamtext.weights.checkpoints import save_model

AT_THE_END = {"dreamtext.sampling.solve.repaint", "baselines.ours.repaint"}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Folder of a small model with an autoencoder that draws, as importing a checkpoint leaves."""
    folder = tmp_path_factory.mktemp("imported") / "model"
    sizes = ("kind=kl", "channels=4", "downscale=4", "widths=[32,32,32]", "layers_per_block=1")
    kl = (f"model.autoencoder.{size}" for size in sizes)
    save_model(DreamText(small.config(*kl, "diffusion.prediction=epsilon")), folder)
    return folder


def requests(height: int, width: int) -> list[Request]:
    region = np.zeros((height, width), bool)
    region[8:24, 4 : width - 4] = True
    quad = np.array([[4, 8], [width - 4, 8], [width - 4, 24], [4, 24]], np.float32)
    picture = np.zeros((height, width, 3), np.uint8)
    return [
        Request(
            id=str(seed),
            image=picture,
            region=region,
            quad=quad,
            source_word="OLD",
            word="WORD",
            seed=seed,
        )
        for seed in range(2)
    ]


def answered(system: System, height: int, width: int) -> None:
    answers = ask(system, requests(height, width))
    assert [answer.reason for answer in answers if answer.status != "ok"] == []


def test_our_model(gpu: set[str], model: Path) -> None:
    system = OurModel(model)
    answered(system, 32, 64)
    assert devices.of(system.model) == GPU
    assert gpu == AT_THE_END


@pytest.mark.parametrize(
    ("name", "options", "more"),
    [
        ("released", ("solver=ddim", "steps=2"), set()),
        ("udifftext", ("steps=2", "noises=2"), set()),
        # The sixth step is one of those whose loop ends when no latent has to move any more.
        ("udifftext", ("steps=6", "refinement=attention"), {"baselines.udifftext.__call__"}),
    ],
)
def test_imported_checkpoints(
    gpu: set[str],
    name: str,
    options: tuple[str, ...],
    more: set[str],
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("baselines.udifftext.AGAIN", 2)
    answered(configured(name, [f"folder={model}", *options]), 32, 64)
    assert gpu == AT_THE_END | more


def test_stable_diffusion(gpu: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline is diffusers' own, and so is one wait a step: its solver's table lies on the
    host and is read at a number that lies on the device, which here stays on the host."""
    folder = write_inpainting(tmp_path / "model")
    plan = DDIMScheduler.set_timesteps
    monkeypatch.setattr(DDIMScheduler, "set_timesteps", lambda s, steps, device: plan(s, steps))
    fetch = VaeImageProcessor.pt_to_numpy
    monkeypatch.setattr(
        VaeImageProcessor,
        "pt_to_numpy",
        staticmethod(lambda images: fetch(devices.fetched(images))),
    )
    settings = [f"weights={folder}", f"size={SIZE}", "steps=2"]
    system = configured("sd2-inpainting", settings)
    answered(system, SIZE, SIZE)
    parts = (system.pipeline.unet, system.pipeline.vae, system.pipeline.text_encoder)
    assert all(devices.of(part) == GPU for part in parts)
    assert all(part.dtype == torch.float16 for part in parts)
