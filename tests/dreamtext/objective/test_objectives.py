"""The paper's objective and the released code's: every choice is a field that changes something.

One batch of noise in the shape of words stands in for data: what is tested is which terms there
are and which parameters are trained, not how well anything is learnt.
"""

from dataclasses import replace
from functools import cache

import pytest
import torch
from helpers.noise_words import batch_of, build

from dreamtext.configs.paper import STEPS, paper, released
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override, to_dict
from dreamtext.networks.diffusion import Draw
from dreamtext.objective.schedule import weights_at
from dreamtext.objective.step import TrainingStep
from dreamtext.training import optimizer
from dreamtext.training.average import Average
from dreamtext.training.batches import draw_step

RELEASED = released(preset("smoke"))


def losses(config, step: int = 0) -> dict[str, torch.Tensor]:
    """All weighted terms of one step, every other sample with its text dropped."""
    return TrainingStep(build(config))(batch_of(), draw_of(config), weights_at(config, step))


def draw_of(config) -> Draw:
    draw = draw_step(override(config, ["training.batch_size=4"]), 0)
    return replace(draw, dropped=torch.tensor([True, False, True, False]))


@cache
def released_losses() -> dict[str, float]:
    return {name: value.item() for name, value in losses(RELEASED).items()}


@cache
def trained_names(*overrides: str) -> frozenset[str]:
    model = build(override(RELEASED, overrides))
    return frozenset(n for n, p in model.named_parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("term", "change"),
    [
        ("denoising", "objective.mask_form=union"),
        ("mask", "masks.border=symmetric"),
        ("attention", "objective.attention_form=l2"),
        ("attention", "training.dropped_in_attention=false"),
        ("align", "objective.alignment_form=cosine"),
        ("align", "objective.head_norm=none"),
        ("identity", "objective.classified=letters"),
        ("identity", "objective.identity_weight=1"),
        ("position", "objective.position_weight=0"),
        ("supervision", "objective.supervision.form=tokens"),
        ("denoising", "objective.outside_weight=0.1"),
    ],
)
def test_each_choice_of_the_objective_changes_its_term(term, change):
    changed = losses(override(RELEASED, [change]))
    assert changed.get(term, torch.tensor(0.0)).item() != pytest.approx(
        released_losses()[term], rel=1e-6, abs=0
    )


@pytest.mark.parametrize("term", ["mask", "attention"])
def test_how_small_layers_are_resized_changes_the_mask_terms(term):
    small = ["masks.min_size=2"]  # the default leaves them out at this size
    nearest, bilinear = (
        losses(override(RELEASED, [*small, f"masks.resize={way}"]))[term].item()
        for way in ("nearest", "bilinear")
    )
    assert nearest != pytest.approx(bilinear, rel=1e-6, abs=0)


def test_the_separate_mask_term_is_a_term_of_its_own():
    assert "mask" in released_losses()
    assert "mask" not in losses(override(RELEASED, ["objective.mask_form=union"]))


@pytest.mark.parametrize(("form", "trains"), [("released", False), ("tokens", True)])
def test_released_supervision_has_no_gradient(form, trains):
    found = losses(override(RELEASED, [f"objective.supervision.form={form}"]))
    assert found["supervision"].item() > 0
    assert found["supervision"].requires_grad == trains


@pytest.mark.parametrize(
    "change",
    [
        "model.unet.trainable=all",
        "model.text.trainable_layers=-1",
        "model.text.trainable_layers=1",
        "model.text.trainable_heads=all",
    ],
)
def test_each_scope_changes_what_is_trained(change):
    assert trained_names(change) != trained_names()


def test_the_released_scope_is_what_the_released_code_trains():
    names = trained_names()
    unet = {n for n in names if n.startswith("unet.")}
    assert unet
    assert all(".attn2." in n or ".norm2." in n for n in unet)
    assert all(".transformer_blocks." in n for n in unet)
    heads = {n for n in names if n.startswith("heads.")}
    assert heads == {"heads.visual.weight", "heads.visual_mix.weight", "heads.visual_mix.bias"}
    layers = {n.split(".")[3] for n in names if n.startswith("text_encoder.")}
    assert layers == {"0", "1"}  # the last two of two
    assert not any(n.startswith(("autoencoder.", "glyph_encoder.")) for n in names)


def test_learning_rate_average_and_dropout_of_the_released_code():
    training = RELEASED.training
    rates = [optimizer.rate(step, training, 10) for step in (100, 110, 125)]
    assert rates == pytest.approx([0.95**10, 0.95**11, 0.95**12])
    constant = replace(training, lr_schedule="constant")
    assert optimizer.rate(125, constant, 10) == 1
    assert Average(build(RELEASED), training.ema).shadow == {}
    assert draw_step(RELEASED, 0).dropped.float().mean() < 0.5
    assert draw_step(override(RELEASED, ["training.text_dropout=1"]), 0).dropped.all()


def test_a_term_without_weight_is_left_out():
    config = override(preset("smoke"), ["objective.alpha=0", "objective.beta=0"])
    assert set(losses(config)) == {"denoising", "supervision", "total"}
    assert set(losses(config, config.training.steps - 1)) == {"denoising", "total"}


@pytest.mark.parametrize("dataset", STEPS)
def test_paper_and_released_differ_in_choices_only(dataset):
    ours, theirs = paper(dataset), released(paper(dataset))
    assert ours.training.steps == STEPS[dataset]
    assert ours.objective.supervision.steps(ours.training.steps) == min(25_000, STEPS[dataset])
    assert ours.data == theirs.data
    assert to_dict(ours.model.unet) | {"trainable": "text_attention"} == to_dict(theirs.model.unet)


def test_zero_output_starts_as_if_there_were_no_text():
    config = override(preset("smoke"), ["model.unet.text_attention=zero_output"])
    model = build(config)
    noisy = torch.randn(2, model.unet.config.in_channels, 8, 16)
    times = torch.tensor([5, 500])
    contexts = torch.randn(2, 2, 13, config.model.text.width)
    with torch.no_grad():
        one, other = (model.unet(noisy, times, context).sample for context in contexts)
    assert torch.equal(one, other)
