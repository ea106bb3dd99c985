"""The paper's objective and the released code's: every choice is a field that changes something.

One batch of noise in the shape of words stands in for data: what is tested is which terms there
are and which parameters are trained, not how well anything is learnt.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from helpers.noise_words import batch_of, build

from dreamtext.configs.objectives import OBJECTIVES, RELEASED, with_objective
from dreamtext.configs.paper import STEPS, UNLABELLED, paper
from dreamtext.configs.presets import configured, preset
from dreamtext.configs.schema import override, to_dict
from dreamtext.data.embedded.world import render
from dreamtext.errors import UserError
from dreamtext.networks.attention import text_attention
from dreamtext.networks.diffusion import Draw
from dreamtext.objective.schedule import weights_at
from dreamtext.objective.step import TrainingStep
from dreamtext.training import optimizer
from dreamtext.training.average import Average
from dreamtext.training.batches import collator, draw_step

SMOKE = configured("smoke", "released")


def losses(config, step: int = 0) -> dict[str, torch.Tensor]:
    """All weighted terms of one step, every other sample with its text dropped."""
    return TrainingStep(build(config))(batch_of(), draw_of(config), weights_at(config, step))


def draw_of(config) -> Draw:
    draw = draw_step(override(config, ["training.batch_size=4"]), 0)
    return replace(draw, dropped=torch.tensor([True, False, True, False]))


@cache
def released_losses() -> dict[str, float]:
    return {name: value.item() for name, value in losses(SMOKE).items()}


@cache
def trained_names(*overrides: str) -> frozenset[str]:
    model = build(override(SMOKE, overrides))
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
        ("denoising", "objective.mask_norm=sum"),
        ("denoising", "objective.outside_weight=0"),
        ("identity", "objective.character_average=word_sum"),
    ],
)
def test_each_choice_of_the_objective_changes_its_term(term, change):
    changed = losses(override(SMOKE, [change]))
    assert changed.get(term, torch.tensor(0.0)).item() != pytest.approx(
        released_losses()[term], rel=1e-6, abs=0
    )


@pytest.mark.parametrize("term", ["mask", "attention"])
def test_how_small_layers_are_resized_changes_the_mask_terms(term):
    small = ["masks.min_size=2"]  # the default leaves them out at this size
    nearest, bilinear = (
        losses(override(SMOKE, [*small, f"masks.resize={way}"]))[term].item()
        for way in ("nearest", "bilinear")
    )
    assert nearest != pytest.approx(bilinear, rel=1e-6, abs=0)


def test_the_separate_mask_term_is_a_term_of_its_own():
    assert "mask" in released_losses()
    assert "mask" not in losses(override(SMOKE, ["objective.mask_form=union"]))


@pytest.mark.parametrize(("form", "trains"), [("released", False), ("tokens", True)])
def test_released_supervision_has_no_gradient(form, trains):
    found = losses(override(SMOKE, [f"objective.supervision.form={form}"]))
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
    training = SMOKE.training
    rates = [optimizer.rate(step, training, 10) for step in (100, 110, 125)]
    assert rates == pytest.approx([0.95**10, 0.95**11, 0.95**12])
    constant = replace(training, lr_schedule="constant")
    assert optimizer.rate(125, constant, 10) == 1
    assert Average(build(SMOKE), training.ema).shadow == {}
    assert draw_step(SMOKE, 0).dropped.float().mean() < 0.5
    assert draw_step(override(SMOKE, ["training.text_dropout=1"]), 0).dropped.all()


def test_a_term_without_weight_is_left_out():
    config = override(preset("smoke"), ["objective.alpha=0", "objective.beta=0"])
    assert set(losses(config)) == {"denoising", "supervision", "total"}
    assert set(losses(config, config.training.steps - 1)) == {"denoising", "total"}


@pytest.mark.parametrize("dataset", STEPS)
def test_paper_and_released_differ_in_choices_only(dataset):
    ours, theirs = paper(dataset), with_objective(paper(dataset), "released")
    supervised = 0 if dataset in UNLABELLED else min(25_000, STEPS[dataset])
    assert ours.training.steps == STEPS[dataset]
    assert ours.objective.supervision.steps(ours.training.steps) == supervised
    assert ours.data == theirs.data
    changes = {"trainable": "text_attention", "region": "bilinear"}
    assert to_dict(ours.model.unet) | changes == to_dict(theirs.model.unet)


@pytest.mark.parametrize("part", RELEASED)
def test_each_difference_of_the_released_code_changes_a_configuration(part):
    ours = configured("tiny", "paper")
    assert override(ours, RELEASED[part]) != ours


def test_the_preset_paper_has_the_objective_paper():
    assert configured("paper", "paper") == preset("paper")
    assert configured("paper", "released") != preset("paper")
    with pytest.raises(UserError, match=r"unknown objective 'relased'; there are paper, released"):
        with_objective(preset("tiny"), "relased")


def test_the_papers_steps_and_supervision_follow_the_data_set():
    for dataset, steps in STEPS.items():
        chosen = configured("paper", overrides=[f"data.name={dataset}", "data.root=/data"])
        assert chosen.training.steps == steps
        assert chosen.data.name == dataset
    shorter = configured("paper", overrides=["data.name=textseg", "training.steps=7"])
    assert shorter.training.steps == 7
    icdar = configured("paper", overrides=["data.name=icdar13"])
    assert icdar.objective.supervision.steps(icdar.training.steps) == 0


def test_alpha_is_told_in_units_of_means():
    tiny = override(preset("tiny"), ["objective.alpha=0.01"])
    assert tiny.effective_alpha == pytest.approx(0.01)
    summed = override(tiny, ["objective.attention_norm=sum"])
    assert summed.effective_alpha == pytest.approx(0.01 * 8 * 16)
    both = override(summed, ["objective.mask_norm=sum"])
    assert both.effective_alpha == pytest.approx(0.01 / 16)  # 16 channels of as many cells
    assert preset("paper").effective_alpha == pytest.approx(0.01 * 64 * 64)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_takes_a_step(name):
    model = build(with_objective(preset("smoke"), name))
    found = TrainingStep(model)(batch_of(), draw_of(model.config), weights_at(model.config, 0))
    assert found["total"].isfinite()
    found["total"].backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.unet.parameters())


def test_udifftext_supervises_every_layer_and_reads_the_picture():
    config = override(preset("smoke"), OBJECTIVES["udifftext"])
    found = losses(config)
    assert set(found) == {"denoising", "supervision", "recogniser", "total"}
    average = override(config, ["objective.supervision.layers=average"])
    assert found["supervision"] != losses(average)["supervision"]


@pytest.mark.parametrize("form", ["tokens", "pixels", "max"])
def test_a_loss_per_layer_reaches_every_large_layer(form):
    config = override(
        preset("smoke"),
        ["objective.supervision.layers=each", f"objective.supervision.form={form}"],
    )
    model = build(config)
    step = TrainingStep(model)
    step(batch_of(), draw_of(config), weights_at(config, 0))["supervision"].backward()
    for name, module in text_attention(model.unet).items():
        assert module.to_k.weight.grad.abs().sum() > 0, name


def test_retrieval_is_logged_beside_the_loss_and_is_no_part_of_it():
    found = losses(preset("smoke"))
    assert 0 <= found["retrieval"] <= 1
    weighted = [v for k, v in found.items() if k not in ("total", "retrieval")]
    torch.testing.assert_close(found["total"], torch.stack(weighted).sum())


@pytest.mark.parametrize("form", ["union", "separate"])
def test_dropped_samples_have_no_masks_in_l_mask_when_asked(form):
    change = [f"objective.mask_form={form}", "objective.gamma=1"]
    config = override(preset("smoke"), [*change, "objective.dropped_in_mask=no_masks"])
    model = build(config)
    draw, batch = draw_of(config), batch_of()

    def attends(*_given):  # with masks of their own for the dropped samples too
        maps = {"layer": torch.rand(4, 13, 8, 16, generator=torch.Generator().manual_seed(0)) ** 9}
        return torch.zeros(4, 16, 8, 16), maps

    model.denoise_recorded = attends
    step = TrainingStep(model)
    values = []
    for chosen in (config, override(config, ["objective.dropped_in_mask=own_masks"])):
        model.config = chosen
        found = step(batch, draw, weights_at(chosen, 0))
        values.append(found["denoising"] + found.get("mask", 0))
    assert values[0] != values[1]


def test_zero_output_starts_as_if_there_were_no_text():
    config = override(preset("smoke"), ["model.unet.text_attention=zero_output"])
    model = build(config)
    noisy = torch.randn(2, model.unet.config.in_channels, 8, 16)
    times = torch.tensor([5, 500])
    contexts = torch.randn(2, 2, 13, config.model.text.width)
    with torch.no_grad():
        one, other = (model.unet(noisy, times, context).sample for context in contexts)
    assert torch.equal(one, other)


def test_the_image_encoder_runs_only_where_a_term_looks_at_it():
    model = build(override(preset("smoke"), ["objective.beta=0"]))
    model.glyph_encoder.forward = None  # calling it would be an error
    TrainingStep(model)(batch_of(), draw_of(model.config), weights_at(model.config, 0))


def test_positions_are_followed_by_dropout_in_training_alone():
    model = build(override(preset("smoke"), ["model.text.position_dropout=0.5"]))
    tokens = batch_of().tokens
    still = model.text_encoder(tokens)
    assert torch.equal(model.text_encoder(tokens), still)
    assert not torch.equal(model.train().text_encoder(tokens), still)


def test_the_region_comes_to_latent_size_whole_or_bilinear():
    region = torch.zeros(1, 1, 32, 64)
    region[..., 10:24, 10:56] = 1  # begins inside cells of four pixels
    batch = replace(batch_of(1), region=region)
    whole, part = (
        build(override(preset("smoke"), [f"model.unet.region={way}"])).condition(batch).region
        for way in ("any", "bilinear")
    )
    assert set(whole.unique().tolist()) == {0, 1}
    assert whole[0, 0, 2, 2] == 1
    assert 0 < part[0, 0, 2, 2] < 1


def test_the_word_can_be_cut_out_along_its_bounds():
    sample = render(preset("tiny").data, "train", 0)
    quad = np.array([[10, 8], [50, 12], [50, 24], [10, 20]], np.float32)
    slanted = replace(sample, quad=quad)
    upright = replace(sample, quad=np.array([[10, 8], [50, 8], [50, 24], [10, 24]], np.float32))
    assert np.array_equal(slanted.crop(16, 48, "box"), upright.crop(16, 48))
    assert not np.array_equal(slanted.crop(16, 48, "box"), slanted.crop(16, 48))
    config = override(preset("smoke"), ["model.glyph.crop=box"])
    made, plain = collator(config)([slanted]).crop, collator(preset("smoke"))([slanted]).crop
    assert not torch.equal(made, plain)
