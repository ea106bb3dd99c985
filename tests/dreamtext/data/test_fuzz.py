"""Damaged files are refused or counted, never a crash (the long run is a script)."""

import json

from helpers import fuzz_data
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamtext.data import icdar13, image_folder, laion_ocr, textseg
from dreamtext.data.annotation import Annotation, Mark, Reason

LINES = st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
GENERIC = ("image", "split", "words", "quad", "characters")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(
            st.sampled_from(["text", "bbox", "char", "mask_value", "0", "1", *GENERIC]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def test_damaged_sets_never_crash_prepare():
    ends = fuzz_data.run(cases=200, seed=1)
    assert sum(ends.values()) == 200
    assert sum(n for end, n in ends.items() if "indexed" in end) > 100


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_any_line_parses_or_not(line):
    for parse in (icdar13.parse_line, image_folder._corners, laion_ocr._parse):
        assert isinstance(parse(line), Mark | None)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json_parses_or_has_a_reason(value):
    assert isinstance(textseg._parse(value), Mark | Reason)
    assert isinstance(image_folder._mark(value), Mark | Reason)
    assert isinstance(image_folder._from_line(json.dumps(value)), Annotation)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda b: b"\x93NUMPY\x01\x00" + b))
def test_any_bytes_are_a_class_map_or_have_a_reason(data):
    found = laion_ocr.read_classes(data)
    assert found == Reason.MASK_DAMAGED or found.dtype == "uint8"
