"""The crop and the filter all data sets share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamtext.data import crop, filter
from dreamtext.data.annotation import Reason

QUAD = np.array([[100, 100], [300, 100], [300, 160], [100, 160]], np.float32)


@st.composite
def places(draw):
    """(quad, image size, output size, word's share)."""
    width, height = draw(st.integers(64, 2000)), draw(st.integers(64, 2000))
    x, y = draw(st.floats(0, 0.9)) * width, draw(st.floats(0, 0.9)) * height
    w, h = draw(st.floats(0.05, 0.6)) * width, draw(st.floats(0.05, 0.6)) * height
    quad = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)
    out = draw(st.sampled_from([(512, 512), (64, 32), (128, 128), (100, 37)]))
    return quad, (width, height), out, draw(st.sampled_from([0.04, 0.35, 1.0, 1e-6]))


@settings(max_examples=200, deadline=None)
@given(places())
def test_the_window_holds_the_word_has_the_outputs_shape_and_zooms_as_asked(place):
    quad, size, out, share = place
    window = crop.fit(quad, size, out, share)
    assert (window.out_width, window.out_height) == out
    inside = np.clip(quad, 0, size)
    points = window.points(inside)
    slack = 2 + window.reduction * max(out[0] / window.width, out[1] / window.height)
    assert (points > -slack).all()
    assert (points < np.array(out) + slack).all()
    aspect = out[0] / out[1]
    tolerance = 0.02 + 2 * window.reduction / min(window.width, window.height)
    assert window.width / window.height == pytest.approx(aspect, rel=tolerance)
    frame = max(size[0], size[1] * aspect) ** 2 / aspect
    assert window.width * window.height <= frame * (1 + 2 * tolerance)
    # Never zoomed in further than asked, by more than rounding.
    limit = max(share, crop.polygon_area(quad) / frame)
    got = crop.polygon_area(quad) / (window.width * window.height)
    assert got <= limit * (1 + 4 * tolerance)


@settings(max_examples=60, deadline=None)
@given(places())
def test_image_and_labels_are_cut_alike(place):
    quad, (width, height), out, share = place
    source = np.zeros((height, width), np.uint8)
    crop.fill(source, quad, 1)
    window = crop.fit(quad, (width, height), out, share, reduce=False)
    image = window.image(np.repeat(source[..., None] * 255, 3, axis=2))
    labels = window.labels(source, (width, height))
    inside = window.labels(np.ones_like(source), (width, height)) > 0
    assert image.shape == (out[1], out[0], 3)
    differs = (image[..., 0] > 127) != (labels > 0)
    # They may differ on the word's outline only.
    edge = 2 * (out[0] + out[1]) * max(1.0, out[0] / window.width)
    assert differs[inside].sum() <= edge


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_decoding_smaller_shows_the_same_place(reduction):
    rng = np.random.default_rng(0)
    source = rng.integers(0, 255, (60, 90, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    small = source[::reduction, ::reduction]
    size = (source.shape[1], source.shape[0])
    window = crop.Window(320, 160, 640, 320, 40, 20, reduction)
    plain = crop.Window(320, 160, 640, 320, 40, 20, 1)
    assert np.abs(window.image(small).astype(int) - plain.image(source)).mean() < 2
    assert size == (1440, 960)


def test_the_papers_crop_gives_a_small_word_four_percent():
    window = crop.fit(QUAD, (2000, 2000), (512, 512), 0.04, reduce=False)
    share = crop.polygon_area(QUAD) / (window.width * window.height)
    assert share == pytest.approx(0.04, rel=0.01)


def test_padding_repeats_the_edge_and_labels_nothing():
    pixels = np.full((100, 50, 3), 7, np.uint8)
    window = crop.fit(np.array(QUAD / 10), (50, 100), (64, 64), 1e-6)
    assert (window.image(pixels) == 7).all()
    labels = window.labels(np.ones((100, 50), np.uint8), (50, 100))
    assert labels[:, 32].all()
    assert not labels[:, 0].any()


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("angle", [-40, -10, 0, 25, 44])
@pytest.mark.parametrize("reverse", [False, True])
def test_upright_finds_the_top_left_corner(start, angle, reverse):
    a = np.deg2rad(angle)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    quad = ((QUAD - 200) @ turn + 300).astype(np.float32)
    given_order = np.roll(quad, start, axis=0)
    given_order = given_order[::-1] if reverse else given_order
    assert np.allclose(crop.upright(given_order), quad)


def test_upright_follows_the_direction_of_reading():
    down = crop.upright(QUAD[[1, 2, 3, 0]], direction=(0.0, 1.0))
    assert np.allclose(down[1] - down[0], [0, 60])


@pytest.mark.parametrize(
    ("quad", "reason"),
    [
        (QUAD, None),
        (QUAD * np.nan, Reason.BOX_NOT_FINITE),
        (QUAD * 1e30, Reason.BOX_NOT_FINITE),
        (QUAD[[0, 2, 1, 3]], Reason.BOX_TANGLED),
        (QUAD * 0, Reason.BOX_TANGLED),
        (QUAD[::-1], Reason.BOX_REVERSED),
        (QUAD + 2000, Reason.BOX_OUTSIDE),
        (QUAD / 4, Reason.TOO_SMALL),
    ],
)
def test_boxes_that_cannot_be_used(quad, reason):
    assert filter.reject_quad(quad, (512, 512)) == reason


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("a", None),
        ("!\"#$%&'()*+,", None),
        ("", Reason.EMPTY),
        ("###", Reason.ILLEGIBLE),
        ("thirteenchars", Reason.TOO_LONG),
        ("na\u00efve", Reason.FOREIGN),
        ("a b", Reason.FOREIGN),
    ],
)
def test_words_that_cannot_be_painted(word, reason):
    assert filter.reject_word(word) == reason
