"""What small networks learn before training, and keep in and after it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.retrained import LAYOUT, QUICK, batch_of, smoke

from dreamtext.data.embedded.world import EmbeddedWorld
from dreamtext.networks.model import DreamText
from dreamtext.objective import picture_terms
from dreamtext.objective.step import TrainingStep
from dreamtext.sampling.solve import noise_for, repaint
from dreamtext.training import pretraining
from dreamtext.training.loop import select_trainable, train

FROZEN = (*QUICK, "model.text.trainable_layers=0", "model.text.pretrain_steps=2")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def test_pretraining_teaches_the_segmenter_and_the_text_encoder():
    config = smoke(*LAYOUT, "model.segmentation.pretrain_steps=40", "model.text.pretrain_steps=1")
    world = EmbeddedWorld(config.data, "train")
    model = DreamText(config)
    batch = batch_of(16)
    latents = model.condition(batch).latents
    before = picture_terms.character_aware(model.segmenter, batch, latents).item()
    pretraining.pretrain_segmenter(model, world)
    after = picture_terms.character_aware(model.segmenter, batch, latents).item()
    assert after < 0.8 * before
    assert not any(p.requires_grad for p in model.segmenter.parameters())


def test_a_frozen_encoder_learns_before_training_and_never_in_it(tmp_path):
    config = smoke(*FROZEN)
    world = EmbeddedWorld(config.data, "train")
    torch.manual_seed(config.seed)
    fresh = DreamText(config)
    select_trainable(fresh)
    assert not any(p.requires_grad for p in fresh.text_encoder.parameters())
    start = {n: p.clone() for n, p in fresh.text_encoder.state_dict().items()}
    pretraining.pretrain(fresh, world)
    pretrained = fresh.text_encoder.state_dict()
    assert any((pretrained[n] != p).any() for n, p in start.items())
    assert not any(p.requires_grad for p in fresh.text_encoder.parameters())
    trained = train(config, tmp_path, world, EmbeddedWorld(config.data, "validation", 8))
    for name, value in trained.text_encoder.state_dict().items():
        assert (value == pretrained[name]).all(), name


def test_a_model_with_segmentation_trains_and_comes_back_from_disk(tmp_path):
    from dreamtext.weights.checkpoints import load_model

    config = smoke(*LAYOUT)
    world = EmbeddedWorld(config.data, "train")
    trained = train(config, tmp_path, world, EmbeddedWorld(config.data, "validation", 8))
    loaded = load_model(tmp_path / "model")
    batch, noise = batch_of(2), noise_for(config, [0, 1])
    pictures = [repaint(m, batch, noise, config.sampling) for m in (trained, loaded)]
    assert torch.allclose(*pictures, atol=1e-5)


@pytest.mark.parametrize("kind", ["sample", "epsilon", "v_prediction"])
def test_a_perfect_prediction_amounts_to_the_clean_latents(kind):
    from dreamtext.training.batches import draw_step

    config = smoke(f"diffusion.prediction={kind}", "training.batch_size=4")
    step = TrainingStep(DreamText(config))
    latents = step.model.condition(batch_of()).latents
    draw = replace(draw_step(config, 0), timesteps=torch.tensor([1, 100, 300, 500]))
    noisy = step.scheduler.add_noise(latents, draw.noise, draw.timesteps)
    clean = step.clean(noisy, step.target(latents, draw), draw)
    assert np.allclose(clean, latents, atol=1e-2)
