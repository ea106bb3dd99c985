"""Latent character masks: blur, threshold, padding, ground truth."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamtext.configs.sections import MaskConfig
from dreamtext.errors import UserError
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


def test_no_layer_large_enough_is_an_error() -> None:
    with pytest.raises(UserError, match="min_size"):
        masks.average_attention({"coarse": some_maps(1, 2, 13, 2, 4)}, CONFIG)


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
