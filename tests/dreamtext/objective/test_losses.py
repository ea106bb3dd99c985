"""The loss terms: golden numbers, gradients where there must be some, none where there are none."""

from dataclasses import replace

import pytest
import torch

from dreamtext.configs.sections import Config, ObjectiveConfig, SupervisionConfig
from dreamtext.errors import UserError
from dreamtext.networks.heads import AlignmentHeads
from dreamtext.objective import losses
from dreamtext.objective.terms import Evidence, terms

LETTERS = torch.tensor([[True, True, True] + [False] * 9, [True] * 4 + [False] * 8])


def evidence() -> Evidence:
    random = torch.Generator().manual_seed(3)
    characters = torch.zeros(2, 32, 64, dtype=torch.uint8)
    for k in range(4):
        characters[:, 4:28, 4 + 14 * k : 14 + 14 * k] = k + 1
    characters[0][characters[0] == 4] = 0
    attention = torch.rand(2, 13, 8, 16, generator=random).mul(6).softmax(1)
    return Evidence(
        error=torch.randn(2, 16, 8, 16, generator=random),
        region=torch.nn.functional.pad(torch.ones(2, 1, 6, 14), (1, 1, 1, 1)),
        average=attention.requires_grad_(),
        tokens=LETTERS.long() * 11,
        characters=characters,
        has_characters=torch.tensor([True, True]),
        text=torch.randn(2, 13, 96, generator=random),
        visual=torch.randn(2, 12, 128, generator=random),
        dropped=torch.tensor([False, True]),
    )


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


@pytest.mark.parametrize(("name", "objective"), [("paper", PAPER), ("released", RELEASED)])
def test_golden_losses(name: str, objective: ObjectiveConfig) -> None:
    found = terms(evidence(), heads(), replace(Config(), objective=objective), supervised=True)
    rounded = {key: round(value.item(), 5) for key, value in found.items()}
    assert rounded == pytest.approx(GOLDEN[name], abs=2e-5)


@pytest.mark.parametrize("form", ["tokens", "pixels"])
def test_supervision_reaches_the_soft_attention(form: str) -> None:
    seen = evidence()
    objective = replace(PAPER, supervision=SupervisionConfig(mode="full", form=form))
    found = terms(seen, heads(), replace(Config(), objective=objective), supervised=True)
    (gradient,) = torch.autograd.grad(found["supervision"], seen.average)
    assert (gradient.abs().sum((2, 3))[LETTERS.nonzero(as_tuple=True)] > 0).all()
    assert not gradient[:, :12][~LETTERS].any(), "padding is never supervised"


def test_released_supervision_has_no_gradient() -> None:
    found = terms(evidence(), heads(), replace(Config(), objective=RELEASED), supervised=True)
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
        lambda a: losses.supervision_tokens(a, coverage, 0.5),
        lambda a: losses.supervision_pixels(a, coverage, letters),
    ):
        assert loss(right) < loss(swapped)


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


def test_supervision_without_character_masks_refuses() -> None:
    seen = replace(evidence(), has_characters=torch.tensor([False, False]))
    with pytest.raises(UserError, match=r"supervision 'full' needs character masks"):
        terms(seen, heads(), replace(Config(), objective=PAPER), supervised=True)


def test_dropped_samples_leave_the_attention_losses_when_asked() -> None:
    config = replace(Config(), objective=PAPER)
    apart = replace(config, training=replace(config.training, dropped_in_attention=False))
    seen = evidence()
    found = terms(seen, heads(), apart, supervised=True)
    (gradient,) = torch.autograd.grad(found["attention"] + found["supervision"], seen.average)
    assert gradient[0].any()
    assert not gradient[1].any()
