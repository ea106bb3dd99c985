"""Other papers' objectives as configurations of our own model."""

from dataclasses import replace

import pytest
import torch
from helpers.retrained import LAYOUT, batch_of, smoke

from dreamtext.configs.schema import identity, override, signature
from dreamtext.configs.sections import Config
from dreamtext.data.embedded.world import render
from dreamtext.data.sample import collate
from dreamtext.errors import UserError
from dreamtext.networks.model import DreamText
from dreamtext.networks.segmentation import class_map
from dreamtext.objective import picture_terms
from dreamtext.objective.picture_terms import cell_classes
from dreamtext.objective.terms import refuse_unlabelled
from dreamtext.sampling.solve import attention_at, noise_for, repaint, typeset_characters


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def test_options_that_are_off_are_no_part_of_a_signature():
    values = identity(Config())
    assert "segmentation" not in values["model"]
    assert "pretrain_steps" not in values["model"]["text"]
    assert not {"recogniser_weight", "character_weight"} & set(values["objective"])
    for changed in ("model.segmentation.channels=8", "objective.recogniser_weight=0.1"):
        assert signature(identity(override(Config(), [changed]))) != signature(values)


def test_a_pixels_class_is_the_character_that_stands_there():
    samples = [render(Config().data, "train", i) for i in range(3)]
    batch = collate(samples)
    classes = class_map(batch.characters, batch.tokens)
    for row, sample in enumerate(samples):
        for k in range(len(sample.word)):
            inside = torch.from_numpy(sample.characters == k + 1)
            assert classes[row][inside].unique().tolist() == [int(batch.tokens[row, k])]
    assert (classes[batch.characters == 0] == 0).all()
    cells = cell_classes(batch.characters, batch.tokens, (8, 16))
    assert cells.shape == (3, 8, 16)
    assert {*cells[0].unique().tolist()} <= {0, *batch.tokens[0].tolist()}


def test_a_word_is_typeset_in_its_region_without_a_look_at_the_picture():
    batch = batch_of()
    typeset = typeset_characters(batch)
    region = batch.region[:, 0].bool()
    assert not (typeset.characters.bool() & ~region).any()
    for row, tokens in enumerate(batch.tokens):
        assert typeset.characters[row].unique().tolist() == [
            0,
            *range(1, int((tokens > 0).sum()) + 1),
        ]
    blind = typeset_characters(
        replace(batch, image=-batch.image, characters=torch.zeros_like(batch.characters))
    )
    assert (blind.characters == typeset.characters).all()


def test_sampling_never_sees_the_real_segmentation():
    model = DreamText(smoke(*LAYOUT)).eval()
    batch = batch_of(2)
    hidden = replace(batch, characters=torch.zeros_like(batch.characters))
    noise = noise_for(model.config, [1, 2])
    first, second = (repaint(model, b, noise, model.config.sampling) for b in (batch, hidden))
    assert (first == second).all()
    maps = [attention_at(model, b, noise, 0.6) for b in (batch, hidden)]
    assert all((maps[0][layer] == maps[1][layer]).all() for layer in maps[0])


def test_the_segmentation_reaches_the_prediction():
    model = DreamText(smoke(*LAYOUT)).eval()
    batch = batch_of(2)
    condition = model.condition(batch)
    text = model.text_encoder(batch.tokens)
    noise, times = noise_for(model.config, [1, 2]), torch.tensor([500, 500])
    other = replace(condition, layout=torch.zeros_like(condition.layout))
    with torch.no_grad():
        pair = [model.denoise(noise, times, c, text, batch.tokens) for c in (condition, other)]
    assert (pair[0] - pair[1]).abs().max() > 1e-4


@pytest.mark.parametrize("name", ["recogniser", "character"])
def test_terms_of_the_picture_send_a_gradient_to_the_prediction(name):
    model = DreamText(smoke(f"objective.{name}_weight=0.5"))
    batch = batch_of()
    clean = model.condition(batch).latents.clone().requires_grad_()
    assert picture_terms.wanted(model.config.objective)
    terms = picture_terms.picture_terms(model, batch, clean)
    assert set(terms) == {name}
    terms[name].backward()
    moved = clean.grad.abs().amax(dim=1) > 0
    cells = torch.nn.functional.adaptive_max_pool2d(batch.region, moved.shape[-2:])[:, 0] > 0
    assert (moved & cells).sum() > 0.9 * cells.sum()
    assert all(p.grad is None for p in model.glyph_encoder.parameters())


def test_no_term_of_the_picture_is_computed_unless_configured():
    assert not picture_terms.wanted(smoke().objective)


def test_boxes_hold_the_regions():
    region = torch.zeros(2, 1, 8, 12)
    region[0, 0, 2:5, 3:9] = 1
    region[1, 0, 0, 11] = 1
    assert picture_terms.boxes(region).tolist() == [[0, 3, 2, 9, 5], [1, 11, 0, 12, 1]]


def test_the_character_term_counts_samples_with_character_masks_alone():
    model = DreamText(smoke("objective.character_weight=0.5"))
    batch = batch_of()
    latents = model.condition(batch).latents
    some = replace(batch, has_characters=torch.tensor([True, False, True, False]))
    kept = replace(batch, **{n: v[::2] for n, v in vars(batch).items()})
    expected = picture_terms.character_aware(model.segmenter, kept, latents[::2])
    torch.testing.assert_close(
        picture_terms.character_aware(model.segmenter, some, latents), expected
    )


def test_a_batch_without_character_masks_is_refused_by_name():
    config = smoke("objective.character_weight=0.5", "objective.supervision.mode=none")
    blind = replace(batch_of(), has_characters=torch.zeros(4, dtype=torch.bool))
    with pytest.raises(UserError, match=r"character_weight.*needs character masks"):
        refuse_unlabelled(blind, config)
