"""Self-attention in full precision beside mixed precision."""

import pytest
import torch
from helpers import small
from torch.nn import functional

from dreamtext.networks.attention import keep_self_attention_full
from dreamtext.networks.model import build_unet


@pytest.fixture
def unet() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_unet(small.config()).eval()


def predict(unet: torch.nn.Module) -> torch.Tensor:
    torch.manual_seed(1)
    noisy = torch.randn(2, unet.config.in_channels, 8, 16)
    context = torch.randn(2, 13, unet.config.cross_attention_dim)
    with torch.no_grad():
        return unet(noisy, torch.tensor([5, 900]), encoder_hidden_states=context).sample


def test_in_full_precision_it_is_what_it_was(unet):
    before = predict(unet)
    keep_self_attention_full(unet)
    assert torch.equal(predict(unet), before)


@pytest.mark.parametrize("full", [False, True])
def test_in_mixed_precision_it_alone_stays_full(unet, full, monkeypatch):
    if full:
        keep_self_attention_full(unet)
    seen, whole = [], functional.scaled_dot_product_attention

    def observed(query, *others, **settings):
        attended = whole(query, *others, **settings)
        seen.append(attended.dtype)
        return attended

    monkeypatch.setattr(functional, "scaled_dot_product_attention", observed)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = predict(unet)
    layers = [name for name, _ in unet.named_modules() if name.endswith(".attn1")]
    assert seen.count(torch.float32) == (len(layers) if full else 0)
    assert seen.count(torch.bfloat16) == 2 * len(layers) - seen.count(torch.float32)
    exact = predict(unet)
    assert not torch.equal(mixed, exact)
    assert mixed.float() == pytest.approx(exact, abs=0.1 * float(exact.std()))
