"""Latent character masks: blur, threshold, padding, ground truth."""

import math
from dataclasses import replace

import pytest
import torch
from diffusers.models.attention_processor import Attention
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamtext.configs.sections import MaskConfig
from dreamtext.errors import UserError
from dreamtext.networks.attention import AttentionRecorder
from dreamtext.objective import masks

SIZES = st.tuples(st.integers(3, 20), st.integers(3, 20))
CONFIG = MaskConfig()


def some_maps(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@given(SIZES, st.sampled_from([1, 3, 5, 7]), st.floats(0.3, 3), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_blur_keeps_mass(size: tuple[int, int], kernel: int, sigma: float, seed: int) -> None:
    maps = some_maps(seed, 2, *size)
    blurred = masks.blur(maps, kernel, sigma)
    torch.testing.assert_close(blurred.sum((1, 2)), maps.sum((1, 2)), rtol=1e-4, atol=1e-4)


def test_blur_with_a_zero_border_is_the_plain_convolution() -> None:
    maps = some_maps(0, 4, 9, 11)
    row = torch.exp(-0.5 * torch.tensor([-1.0, 0, 1]) ** 2)
    row = row / row.sum()
    kernel = torch.outer(row, row)[None, None]
    plain = torch.nn.functional.conv2d(maps[:, None], kernel, padding=1)[:, 0]
    torch.testing.assert_close(masks.blur(maps, 3, 1.0, "zero"), plain)


@given(SIZES, st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_a_uniform_map_has_an_empty_mask(size: tuple[int, int], value: float) -> None:
    assert not masks.threshold(torch.full((1, *size), value), 2.0).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("null_token", [True, False])
@given(
    length=st.integers(1, 12),
    size=st.tuples(st.integers(4, 12), st.integers(4, 20)),
    seed=st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_dropped_text_has_no_mask_through_real_attention(
    dtype: torch.dtype, null_token: bool, length: int, size: tuple[int, int], seed: int
) -> None:
    """Attention to a zero embedding is uniform up to rounding; rounding is no character."""
    torch.manual_seed(seed)
    block = torch.nn.Module()
    block.attn2 = Attention(query_dim=16, cross_attention_dim=16, heads=2, dim_head=8)
    unet = torch.nn.Module()
    unet.add_module("block", block)
    unet.to(dtype)
    recorder = AttentionRecorder(unet)
    tokens = torch.zeros(1, 12, dtype=torch.long)
    tokens[0, :length] = 5
    open_tokens = torch.cat([tokens != 0, torch.full((1, 1), True)], dim=1)[:, : 12 + null_token]
    bias = torch.where(open_tokens, 0.0, -10000.0).to(dtype)[:, None]  # as the U-Net makes it
    pixels = 3 * torch.randn(1, size[0] * size[1], 16).to(dtype)
    text = 4 * torch.randn(1, 12 + null_token, 16).to(dtype)
    for context, empty in ((torch.zeros_like(text), True), (text, length + null_token < 2)):
        with torch.no_grad(), recorder.recording(size) as maps:
            block.attn2(pixels, encoder_hidden_states=context, attention_mask=bias)
        config = replace(CONFIG, height=9, width=17)
        average = masks.average_attention(maps, config)
        found = masks.latent_character_masks(average, tokens, config)
        assert not (empty and found.any())
        assert empty or (average.std(dim=(-2, -1))[:, :length] > 1e-4).any()


@given(st.integers(0, 99), st.floats(0.5, 4), st.floats(-3, 3), st.floats(0.1, 10))
@settings(max_examples=30, deadline=None)
def test_the_threshold_rule_ignores_scale_and_offset(
    seed: int, deviations: float, offset: float, scale: float
) -> None:
    maps = some_maps(seed, 3, 8, 16).double()
    expected = masks.threshold(maps, deviations)
    assert torch.equal(masks.threshold(maps * scale + offset, deviations), expected)


def test_the_threshold_is_mean_plus_deviations() -> None:
    maps = some_maps(1, 1, 8, 16)
    limit = maps.mean() + 1.5 * maps.std()
    assert torch.equal(masks.threshold(maps, 1.5), maps > limit)


@given(st.integers(1, 12), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_padding_never_has_a_mask(length: int, seed: int) -> None:
    tokens = torch.zeros(1, 12, dtype=torch.long)
    tokens[0, :length] = 5
    average = some_maps(seed, 1, 13, 8, 16) ** 8
    found = masks.latent_character_masks(average, tokens, CONFIG)
    assert found.shape == (1, 12, 8, 16)
    assert not found[0, length:].any()
    assert not masks.word_rows(average, tokens)[0, length:].any()


def test_masks_carry_no_gradient_and_attention_does() -> None:
    average = some_maps(0, 1, 13, 8, 16).requires_grad_()
    tokens = torch.ones(1, 12, dtype=torch.long)
    assert not masks.latent_character_masks(average, tokens, CONFIG).requires_grad
    assert masks.word_rows(average, tokens).requires_grad


def test_averaging_leaves_small_layers_out_and_keeps_probability() -> None:
    maps = {"fine": some_maps(0, 2, 13, 8, 16).softmax(1), "coarse": some_maps(1, 2, 13, 2, 4)}
    average = masks.average_attention(maps, CONFIG)
    torch.testing.assert_close(average.sum(1), torch.ones(2, 8, 16))
    torch.testing.assert_close(average, masks.blur(maps["fine"], 3, 1.0))


@pytest.mark.parametrize("border", ["zero", "symmetric"])
def test_single_layers_are_blurred_at_their_own_size_and_small_ones_left_out(border: str) -> None:
    """A point in a corner: a Gaussian of three cells, whose tails fall outside or are mirrored."""
    fine, wide, coarse = torch.zeros(1, 1, 8, 16), torch.zeros(1, 1, 16, 32), torch.ones(1, 1, 2, 4)
    fine[..., 0, 0] = wide[..., 5, 0] = 1
    config = replace(CONFIG, blur_kernel=3, blur_sigma=1.0, border=border)
    found = masks.blurred_layers({"fine": fine, "wide": wide, "coarse": coarse}, config)
    assert {name: maps.shape for name, maps in found.items()} == {
        "fine": fine.shape,
        "wide": wide.shape,
    }
    side = math.exp(-0.5) / (1 + 2 * math.exp(-0.5))
    middle = 1 - 2 * side
    edge = middle if border == "zero" else middle + side  # what fell over the edge comes back
    assert found["fine"][0, 0, 0, 0].item() == pytest.approx(edge**2)
    assert found["fine"][0, 0, 0, 1].item() == pytest.approx(edge * side)
    assert found["wide"][0, 0, 4:7, 0].tolist() == pytest.approx(
        [side * edge, middle * edge, side * edge]
    )
    assert found["wide"][0, 0, 5, 2] == 0


def test_no_layer_large_enough_is_an_error() -> None:
    layers = {"coarse": some_maps(1, 2, 13, 2, 4), "flat": some_maps(1, 2, 13, 1, 8)}
    with pytest.raises(UserError) as caught:
        masks.average_attention(layers, replace(CONFIG, min_size=3))
    assert str(caught.value) == (
        "no attention layer has a side of at least masks.min_size=3 (layers: [(1, 8), (2, 4)]); "
        "lower masks.min_size or enlarge the images"
    )


def test_ground_truth_gives_a_cell_to_one_character() -> None:
    characters = torch.zeros(1, 8, 8, dtype=torch.uint8)
    characters[0, :, :3] = 1
    characters[0, :, 3:] = 2
    truth = masks.ground_truth_masks(characters, 12, (2, 2))
    assert truth[0, 0].tolist() == [[True, False], [True, False]]
    assert truth[0, 1].tolist() == [[False, True], [False, True]]
    assert not truth[0, 2:].any()
    coverage = masks.character_coverage(characters, 12, (2, 2))
    assert coverage[0, :2, 0].tolist() == [[0.75, 0.0], [0.25, 1.0]]


def test_intersection_over_union() -> None:
    one = torch.zeros(1, 1, 2, 2, dtype=torch.bool)
    one[0, 0, 0] = True
    other = torch.zeros_like(one)
    other[0, 0, :, 0] = True
    assert masks.intersection_over_union(one, one).item() == 1
    assert masks.intersection_over_union(one, other).item() == pytest.approx(1 / 3)
    assert masks.intersection_over_union(one & ~one, other & ~other).isnan().all()
    # Two words of two letters: each has its own overlap.
    first = torch.cat([one, other], dim=1).repeat(2, 1, 1, 1)
    second = torch.cat([one, one], dim=1).repeat(2, 1, 1, 1)
    second[1, 0] = True
    found = masks.intersection_over_union(first, second)
    assert found.flatten().tolist() == pytest.approx([1, 1 / 3, 1 / 2, 1 / 3])


def test_share_inside_the_true_mask() -> None:
    attention = torch.zeros(1, 3, 2, 2)
    attention[0, 0] = torch.tensor([[3.0, 1.0], [0.0, 0.0]])
    attention[0, 1] = 1
    truth = torch.zeros(1, 3, 2, 2, dtype=torch.bool)
    truth[0, :2, 0, 0] = True
    share = masks.share_inside(attention, truth)
    assert share[0, :2].tolist() == [0.75, 0.25]
    assert share[0, 2].isnan()
