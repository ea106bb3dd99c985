"""The shipped word list."""

import pytest

from dreamtext.data.embedded.words import words
from dreamtext.errors import UserError


def test_every_length_has_lower_case_words_sorted_and_distinct():
    total = 0
    for length in range(1, 13):
        listed = words(length)
        assert len(listed) >= 2, "editing needs another word of the same length"
        assert list(listed) == sorted(set(listed))
        assert all(len(w) == length and w.isascii() and w.isalpha() for w in listed)
        assert all(w == w.lower() for w in listed)
        total += len(listed)
    assert total >= 1500


@pytest.mark.parametrize("length", [0, 13, -1])
def test_a_length_that_cannot_be_painted_is_refused(length):
    with pytest.raises(UserError, match="1 to 12"):
        words(length)
