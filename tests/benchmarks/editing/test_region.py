"""Places: boxes and polygons inside the image, split among the words of a line."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.editing.region import parse_polygon, parse_region
from dreamtext.errors import UserError

SLANTED = "20,30,120,10,125,50,25,70"


def test_a_region_is_the_pixels_of_its_box():
    mask = parse_region("10,20,30,5", 100, 50).mask(50, 100)
    assert mask.sum() == 150
    assert mask[20:25, 10:40].all()


@pytest.mark.parametrize(
    "text", ["1.5,2,3,4", "1,2,3", "a,b,c,d", "0,0,0,4", "90,0,11,4", "-1,0,4,4"]
)
def test_what_is_no_box_in_the_image_is_refused(text):
    with pytest.raises(UserError, match="--region"):
        parse_region(text, 100, 50)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("20,30,120,10,125,50", "eight numbers"),
        ("20,30,120,10,125,50,25,word", "eight numbers"),
        ("20,30,25,70,125,50,120,10", "counter-clockwise"),
        ("20,30,125,50,120,10,25,70", "cross"),
        ("20,30,220,10,125,50,25,70", "outside the image, which is 160 x 90"),
        ("20,30,120,30,120,32,20,32", "pixels high"),
        ("20,30,120,10,60,40,25,70", "dented"),
        ("nan,30,120,10,125,50,25,70", "no area"),
    ],
)
def test_what_is_no_polygon_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        parse_polygon(text, 160, 90)


def test_upright_takes_the_corners_to_a_box():
    place = parse_polygon(SLANTED, 160, 90)
    corners = cv2.perspectiveTransform(place.quad[None], place.upright())[0]
    width, height = place.size
    expected = [[0, 0], [width, 0], [width, height], [0, height]]
    assert np.allclose(corners, expected, atol=1e-3)


@given(st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=5))
def test_the_words_of_a_line_lie_side_by_side_within_it(words):
    line = parse_polygon(SLANTED, 160, 90)
    parts = line.split(words)
    assert len(parts) == len(words)
    assert np.allclose(parts[0].quad[[0, 3]], line.quad[[0, 3]])
    assert np.allclose(parts[-1].quad[[1, 2]], line.quad[[1, 2]])
    widths = [part.size[0] / len(word) for part, word in zip(parts, words, strict=True)]
    assert np.allclose(widths, widths[0])
    for left, right in pairwise(parts):
        assert left.quad[1, 0] < right.quad[0, 0]
