"""The loss terms: golden numbers, gradients where there must be some, none where there are none."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from helpers.noise_words import batch_of, build

from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config, ObjectiveConfig, SupervisionConfig
from dreamtext.data.sample import Batch
from dreamtext.errors import UserError
from dreamtext.networks.heads import AlignmentHeads
from dreamtext.networks.text_encoder import TextEncoder
from dreamtext.objective import losses, terms
from dreamtext.objective.masks import latent_character_masks, word_rows
from dreamtext.objective.schedule import weights_at
from dreamtext.objective.step import TrainingStep
from dreamtext.training.batches import draw_step

BACKGROUND = torch.tensor([True, True])
LETTERS = torch.tensor([[True, True, True] + [False] * 9, [True] * 4 + [False] * 8])


@dataclass(frozen=True, kw_only=True)
class Case:
    """Two words of random attention, latents and features."""

    error: torch.Tensor
    region: torch.Tensor
    average: torch.Tensor
    batch: Batch
    text: torch.Tensor
    visual: torch.Tensor
    dropped: torch.Tensor


def case() -> Case:
    random = torch.Generator().manual_seed(3)
    characters = torch.zeros(2, 32, 64, dtype=torch.uint8)
    for k in range(4):
        characters[:, 4:28, 4 + 14 * k : 14 + 14 * k] = k + 1
    characters[0][characters[0] == 4] = 0
    attention = torch.rand(2, 13, 8, 16, generator=random).mul(6).softmax(1)
    return Case(
        error=torch.randn(2, 16, 8, 16, generator=random),
        region=torch.nn.functional.pad(torch.ones(2, 1, 6, 14), (1, 1, 1, 1)),
        average=attention.requires_grad_(),
        batch=Batch(
            image=torch.zeros(2, 3, 32, 64),
            region=torch.ones(2, 1, 32, 64),
            tokens=LETTERS.long() * 11,
            characters=characters,
            has_characters=torch.tensor([True, True]),
            crop=torch.zeros(2, 1, 16, 48),
        ),
        text=torch.randn(2, 13, 96, generator=random),
        visual=torch.randn(2, 12, 128, generator=random),
        dropped=torch.tensor([False, True]),
    )


def all_terms(seen: Case, objective: ObjectiveConfig) -> dict[str, torch.Tensor]:
    """The terms of a training step, from what its networks would have given."""
    config = Config().masks
    tokens, letters = seen.batch.tokens, LETTERS
    masks = latent_character_masks(seen.average, tokens, config)
    characters = word_rows(seen.average, tokens)
    found = terms.denoising_terms(seen.error, seen.region, masks, letters, objective)
    attention = terms.attention_term(characters, masks, letters, objective)
    found["attention"] = objective.alpha * attention
    text, head = seen.text[:, :12], heads()
    word, crop = head.embed_text(text), head.embed_visual(seen.visual)
    found["align"] = objective.beta * terms.alignment_term(word, crop, head, objective)
    found |= terms.character_terms(text, tokens, head, objective)
    supervision = terms.supervision_term(
        [characters], letters, BACKGROUND, seen.batch, replace(Config(), objective=objective)
    )
    found["supervision"] = objective.supervision.weight * supervision
    return found | {"total": terms.total(found)}


def heads() -> AlignmentHeads:
    torch.manual_seed(0)
    return AlignmentHeads(text_width=96, visual_width=128, visual_tokens=12, length=12)


PAPER = ObjectiveConfig(
    alpha=0.5, beta=0.25, supervision=SupervisionConfig(mode="full", weight=1.0)
)
RELEASED = replace(
    PAPER,
    mask_form="separate",
    attention_form="max",
    alignment_form="infonce",
    identity_weight=0.1,
    position_weight=0.1,
    outside_weight=1.0,
    supervision=SupervisionConfig(mode="full", form="released", weight=1.0),
)
GOLDEN = {
    "paper": {
        "denoising": 1.14947,
        "attention": 0.01799,
        "align": 0.16208,
        "identity": 1.17207,
        "supervision": 1.65411,
        "total": 4.15571,
    },
    "released": {
        "denoising": 0.98637,
        "mask": 0.06308,
        "attention": -0.09314,
        "align": 0.06791,
        "identity": 0.11721,
        "position": 0.05836,
        "supervision": 0.18652,
        "total": 1.38631,
    },
}


def golden() -> dict[str, dict[str, float]]:
    objectives = {"paper": PAPER, "released": RELEASED}
    found = {name: all_terms(case(), objective) for name, objective in objectives.items()}
    return {
        name: {key: round(value.item(), 5) for key, value in values.items()}
        for name, values in found.items()
    }


def test_golden_losses() -> None:
    found = golden()
    assert found.keys() == GOLDEN.keys()
    for name, values in found.items():
        assert values == pytest.approx(GOLDEN[name], abs=2e-5)


@pytest.mark.parametrize("form", ["tokens", "pixels"])
def test_supervision_reaches_the_soft_attention(form: str) -> None:
    seen = case()
    found = all_terms(seen, replace(PAPER, supervision=SupervisionConfig(mode="full", form=form)))
    (gradient,) = torch.autograd.grad(found["supervision"], seen.average)
    assert (gradient.abs().sum((2, 3))[LETTERS.nonzero(as_tuple=True)] > 0).all()
    assert not gradient[:, :12][~LETTERS].any(), "padding is never supervised"


def test_released_supervision_has_no_gradient() -> None:
    found = all_terms(case(), RELEASED)
    assert not found["supervision"].requires_grad
    assert found["supervision"] > 0


def test_supervision_prefers_the_right_characters() -> None:
    coverage = torch.zeros(1, 12, 8, 16)
    coverage[0, 0, :, :4] = 1
    coverage[0, 1, :, 8:12] = 1
    right = coverage * 0.9
    swapped = right[:, [1, 0, *range(2, 12)]]
    letters = torch.tensor([[True, True] + [False] * 10])
    for loss in (
        lambda a: losses.supervision_tokens(a, coverage, letters, BACKGROUND[:1], 0.5),
        lambda a: losses.supervision_pixels(a, coverage, letters),
    ):
        assert loss(right) < loss(swapped)


def test_supervision_over_tokens_by_hand() -> None:
    """One cell; two letters of three places, whose attention is .5 and .2."""
    average = torch.tensor([0.5, 0.2, 0.0]).view(1, 3, 1, 1)
    coverage = torch.tensor([0.6, 0.1, 0.0]).view(1, 3, 1, 1)
    letters = torch.tensor([[True, True, False]])
    of_letters = 0.6 * -math.log(0.5) + 0.1 * -math.log(0.2)
    left = -math.log(1 - 0.5 - 0.2)
    alike = (-math.log(0.5) - math.log(0.2)) / 2
    for room, elsewhere in ((True, left), (False, alike)):
        found = losses.supervision_tokens(average, coverage, letters, torch.tensor([room]), 2.0)
        assert found.item() == pytest.approx(of_letters + 2 * 0.3 * elsewhere)


def test_supervision_over_pixels_by_hand() -> None:
    """Two cells; each letter's attention and truth are taken as shares of their own sum."""
    average = torch.tensor([[3.0, 1.0], [1.0, 1.0], [9.0, 9.0]]).view(1, 3, 1, 2)
    coverage = torch.tensor([[0.5, 0.5], [0.2, 0.6], [0.0, 0.0]]).view(1, 3, 1, 2)
    letters = torch.tensor([[True, True, True]])  # the third has no mask: it is not counted
    first = -0.5 * math.log(0.75) - 0.5 * math.log(0.25)
    second = -math.log(0.5)
    found = losses.supervision_pixels(average, coverage, letters)
    assert found.item() == pytest.approx((first + second) / 2)


def test_released_terms_by_hand() -> None:
    """Two cells, two letters of three places; the third is padding."""
    masks = torch.tensor([[True, False], [False, True], [True, True]]).view(1, 3, 1, 2)
    truth = torch.tensor([[True, True], [False, True], [False, False]]).view(1, 3, 1, 2)
    letters = torch.tensor([[True, True, False]])
    average = torch.tensor([[0.7, 0.1], [0.4, 0.5], [9.0, 9.0]]).view(1, 3, 1, 2)
    error = torch.tensor([[1.0, 3.0], [2.0, 1.0]]).view(1, 2, 1, 2)  # squares' mean: 2.5, 5
    assert losses.supervision_released(masks, truth, letters).item() == 0.25
    expected = ((0.1 - 0.7) + (0.4 - 0.5)) / 2
    assert losses.attention_max(average, masks, letters).item() == pytest.approx(expected)
    assert losses.separate_mask(error, masks, letters).item() == (2.5 / 2 + 5 / 2) / 2


def test_alignment_falls_when_embeddings_align() -> None:
    text = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    scale = torch.tensor(2.0)
    assert losses.alignment_cosine(text, text) == pytest.approx(0, abs=1e-6)
    assert losses.alignment_cosine(text, -text) == pytest.approx(2, abs=1e-6)
    shuffled = text.roll(1, 0)
    assert losses.alignment_infonce(text, text, scale) < losses.alignment_infonce(
        text, shuffled, scale
    )


def test_padding_is_never_counted() -> None:
    logits = torch.randn(2, 12, 95, generator=torch.Generator().manual_seed(0))
    tokens = LETTERS.long() * 11
    changed = logits.clone()
    changed[~LETTERS] = 100 * torch.randn(int((~LETTERS).sum()), 95)
    assert losses.classification(logits, tokens, LETTERS) == losses.classification(
        changed, tokens, LETTERS
    )
    average = torch.rand(2, 12, 8, 16)
    masks = average > 0.9
    other = torch.where(LETTERS[:, :, None, None], average, torch.rand(2, 12, 8, 16))
    for form in (losses.attention_l2, losses.attention_max):
        torch.testing.assert_close(form(average, masks, LETTERS), form(other, masks, LETTERS))


def test_union_weight_counts_overlap_once() -> None:
    masks = torch.ones(1, 12, 2, 2, dtype=torch.bool)
    weight = losses.union_weight(masks, LETTERS[:1], gamma=1.5)
    assert torch.equal(weight, torch.full((1, 1, 2, 2), 2.5))


@pytest.mark.parametrize("form", ["tokens", "pixels", "max", "released"])
def test_samples_without_ground_truth_leave_supervision(form: str) -> None:
    objective = replace(PAPER, supervision=SupervisionConfig(mode="full", form=form))
    seen = case()
    some = replace(seen.batch, has_characters=torch.tensor([True, False]))
    alone = Batch(**{name: value[:1] for name, value in vars(seen.batch).items()})
    values = []
    for batch, rows in ((some, slice(None)), (alone, slice(1))):
        characters = word_rows(seen.average[rows], batch.tokens)
        config = replace(Config(), objective=objective)
        term = terms.supervision_term([characters], LETTERS[rows], BACKGROUND[rows], batch, config)
        values.append(term.detach())
    torch.testing.assert_close(values[0], values[1])


def test_a_batch_without_character_masks_is_refused() -> None:
    blind = replace(case().batch, has_characters=torch.tensor([False, False]))
    config = replace(Config(), objective=PAPER)
    with pytest.raises(UserError, match=r"supervision 'full' needs character masks"):
        terms.refuse_unlabelled(blind, config)


def test_dropped_samples_leave_the_attention_losses_when_asked() -> None:
    config = override(preset("smoke"), ["training.dropped_in_attention=false", "objective.beta=0"])
    step = TrainingStep(build(config))
    draw = replace(
        draw_step(override(config, ["training.batch_size=4"]), 0),
        dropped=torch.tensor([True, False, True, False]),
    )
    found = step(batch_of(), draw, weights_at(config, 0))
    kept = Batch(**{name: value[1::2] for name, value in vars(batch_of()).items()})
    half = draw.part(slice(1, None, 2))
    alone = step(kept, half, weights_at(config, 0))
    for name in ("attention", "supervision"):
        torch.testing.assert_close(found[name], alone[name], rtol=1e-4, atol=1e-7)


def test_twelve_letters_without_a_null_token_still_teach_the_background() -> None:
    coverage = torch.zeros(1, 12, 8, 16)
    for place in range(12):
        coverage[0, place, 2:6, place] = 1
    letters = torch.ones(1, 12, dtype=torch.bool)
    scores = torch.randn(1, 12, 8, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    encoder = TextEncoder(replace(Config().model.text, null_token=False, mask_padding=False))
    tokens = torch.full((1, 12), 5)
    room = encoder.has_background(tokens)
    assert not room.any()
    loss = losses.supervision_tokens(scores.softmax(1), coverage, letters, room, 0.5)
    (gradient,) = torch.autograd.grad(loss, scores)
    background = coverage.sum(1) == 0
    assert (gradient.abs().sum(1)[background] > 0).all()
    tokens[0, 11] = 0
    assert encoder.has_background(tokens).all()
    masked = TextEncoder(replace(Config().model.text, null_token=False))
    assert not masked.has_background(tokens).any()
    assert TextEncoder(Config().model.text).has_background(tokens).all()


@pytest.mark.parametrize(
    ("how", "expected"), [("batch", 14 / 5), ("word", (1 + 13 / 4) / 2), ("word_sum", 14 / 2)]
)
def test_how_characters_become_one_number(how: str, expected: float) -> None:
    values = torch.tensor([[1.0, 9, 9, 9], [2, 2, 2, 7]])
    letters = torch.tensor([[True, False, False, False], [True] * 4])
    assert losses.over_characters(values, letters, how).item() == pytest.approx(expected)


def test_norms_are_means_or_sums() -> None:
    error = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(2, 1, 4, 5)
    mean, whole = (losses.denoising(error, weight, norm) for norm in ("mean", "sum"))
    torch.testing.assert_close(whole, mean * 3 * 4 * 5)
    maps, masks = torch.rand(2, 12, 4, 5), torch.zeros(2, 12, 4, 5, dtype=torch.bool)
    mean, whole = (losses.attention_l2(maps, masks, LETTERS, norm) for norm in ("mean", "sum"))
    torch.testing.assert_close(whole, mean * 4 * 5)


def test_cosine_alignment_can_be_met_without_telling_words_apart() -> None:
    text = torch.ones(8, 4) + 0.03 * torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    visual = torch.ones(8, 4) + 0.03 * torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    assert losses.alignment_cosine(text, visual) < 2e-3
    assert losses.retrieval(text, visual) < 0.6
    assert losses.retrieval(text, text) == 1
