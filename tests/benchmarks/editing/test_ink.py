"""Ink and ground, on made signs where both are known."""

import cv2
import numpy as np
import pytest

from benchmarks.editing import ink
from dreamtext.data.embedded.typesetting import typeset

SIZE = (80, 240)
QUAD = np.array([[20, 15], [220, 15], [220, 65], [20, 65]], np.float32)


def sign(ground, colour, word="Sign"):
    """(the sign, its coverage, the region)."""
    alpha = typeset(word, QUAD, SIZE, face="Lato-Bold", stretch=2.0).max(axis=0)
    below = np.broadcast_to(np.asarray(ground, np.float32), (*SIZE, 3))
    image = below + alpha[..., None] * (np.asarray(colour, np.float32) - below)
    region = np.zeros(SIZE, bool)
    region[12:68, 16:224] = True
    return image.round().astype(np.uint8), alpha, region


@pytest.mark.parametrize(
    ("ground", "colour"),
    [((24, 96, 52), (240, 240, 240)), ((250, 240, 120), (60, 20, 20)), ((128,) * 3, (90, 90, 200))],
)
def test_lettering_is_told_from_its_ground(ground, colour):
    image, alpha, region = sign(ground, colour)
    found = ink.find(image, region, around=True)
    assert found is not None
    assert np.abs(found.colour - colour).max() <= 6
    assert np.abs(found.ground - ground).max() <= 3
    sure = (alpha < 0.1) | (alpha > 0.9)
    assert np.abs(found.coverage - alpha)[sure & region].mean() < 0.03


def test_a_tight_box_and_a_painted_patch_are_told_apart_as_well():
    image, alpha, _ = sign((24, 96, 52), (240, 240, 240), "HIT")
    rows, columns = np.nonzero(alpha > 0.5)
    tight = np.zeros(SIZE, bool)
    tight[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    found = ink.find(image, tight, around=True)
    assert found is not None
    assert np.abs(found.colour - 240).max() <= 6
    patch = image.copy()
    region = sign((0, 0, 0), (9, 9, 9))[2]
    patch[~region] = 245  # what lies around a painted patch says nothing of its ground
    found = ink.find(patch, region, around=False)
    assert found is not None
    assert np.abs(found.colour - 240).max() <= 6


def test_a_word_among_others_is_lettering_all_the_same():
    """Lines above and below, and a frame, right beside the region."""
    image, alpha, region = sign((200, 200, 210), (20, 20, 30), "Pier")
    crowded = image.copy()
    crowded[:10] = crowded[70:] = crowded[:, :13] = crowded[:, 227:] = (20, 20, 30)
    found = ink.find(crowded, region, around=True)
    assert found is not None
    assert np.abs(found.colour - (20, 20, 30)).max() <= 6
    assert np.abs(found.coverage - alpha)[region].mean() < 0.05
    filled = ink.without(crowded, found, region)
    assert np.abs(filled[region].astype(float) - (200, 200, 210)).mean() < 3
    assert np.array_equal(filled[~region], crowded[~region])


def test_an_empty_sign_has_no_lettering():
    rng = np.random.default_rng(0)
    flat = (np.full((*SIZE, 3), 90) + rng.normal(0, 3, (*SIZE, 3))).clip(0, 255).astype(np.uint8)
    region = sign((0, 0, 0), (9, 9, 9))[2]
    assert ink.find(flat, region, around=True) is None
    assert ink.without(flat, None, region) is flat


def test_stripes_are_no_lettering():
    stripes = np.zeros((*SIZE, 3), np.uint8)
    stripes[:, ::12] = stripes[:, 1::12] = stripes[:, 2::12] = 220
    assert ink.find(stripes, sign((0, 0, 0), (9, 9, 9))[2], around=True) is None


def test_what_is_filled_is_the_ground_and_the_rest_stays():
    shade = np.linspace(60, 160, SIZE[1])[None, :, None] * np.ones((*SIZE, 3))
    image, alpha, region = sign(shade, (250, 250, 250))
    filled = ink.without(image, ink.find(image, region, around=True), region)
    assert np.abs(filled.astype(float) - shade)[region].mean() < 4
    far = cv2.dilate((alpha > 0.02).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert np.array_equal(filled[far | ~region], image[far | ~region])


def test_a_large_region_is_filled_as_well():
    image, _, region = sign((24, 96, 52), (240, 240, 240))
    large = [np.repeat(np.repeat(v, 4, 0), 4, 1) for v in (image, region)]
    filled = ink.without(large[0], ink.find(*large, around=True), large[1])
    assert np.abs(filled[large[1]].astype(float) - (24, 96, 52)).mean() < 3


def test_sharpening_keeps_the_half_and_the_ends():
    given = np.array([0.0, 0.3, 0.5, 0.7, 1.0], np.float32)
    assert np.allclose(ink.sharpened(given, 4.0), [0, 0, 0.5, 1, 1])
    assert ink.sharpened(given, 0.5) is given


def test_a_line_is_cleared_between_its_words_too():
    from benchmarks.editing.painting import cleared
    from benchmarks.editing.region import Place

    image, _, _ = sign((24, 96, 52), (240, 240, 240), "STATION")
    ground, colour = cleared(image, Place(QUAD.astype(float)))
    assert colour is not None
    assert np.abs(colour - 240).max() <= 6
    inside = Place(QUAD.astype(float)).mask(*SIZE)
    assert np.abs(ground[inside].astype(float) - (24, 96, 52)).mean() < 3
