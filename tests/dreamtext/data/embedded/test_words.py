"""The shipped word list, and what is drawn from it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamtext.configs.sections import DataConfig
from dreamtext.data.embedded import words as module
from dreamtext.data.embedded.words import another, draw, in_turn, kind_of, word_split, words
from dreamtext.errors import UserError

MIXED = DataConfig(alphabet="alphanumeric", min_word_length=1, max_word_length=8)


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


def test_every_word_belongs_to_one_split_whatever_its_case() -> None:
    assert word_split("Hello") == word_split("HELLO")
    shares = [word_split(str(i)) for i in range(4000)]
    assert 0.67 < shares.count("train") / 4000 < 0.73
    assert 0.18 < shares.count("test") / 4000 < 0.22


@given(st.sampled_from(["train", "validation", "test"]), st.integers(0, 10_000), st.booleans())
@settings(deadline=None, max_examples=60)
def test_what_is_drawn_is_of_its_split_and_kind(split: str, seed: int, listed: bool) -> None:
    kind = "vocabulary" if listed else "random"
    word = draw(MIXED, split, np.random.default_rng(seed), kind)
    assert (word_split(word), kind_of(word)) == (split, kind)
    other = another(MIXED, split, word, np.random.default_rng(seed), 0)
    assert other != word
    assert len(other) == len(word)
    assert word_split(other) == split
    if len(word) > 3:  # there are always others
        assert kind_of(other) == kind
        assert not listed or [c.isupper() for c in other] == [c.isupper() for c in word]


def test_different_words_are_replaced_by_different_words() -> None:
    config = DataConfig()
    listed = module.vocabulary("test", 3, 4)
    others = [another(config, "test", w, np.random.default_rng(0), 3) for w in listed]
    assert sorted(others) == sorted(listed)
    assert all(a != b for a, b in zip(listed, others, strict=True))


def test_an_alphabet_without_any_word_of_a_split_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(module, "word_split", lambda word: "train")
    monkeypatch.setattr(module, "_TRIES", 20)
    with pytest.raises(UserError, match="max_word_length"):
        draw(DataConfig(), "test", np.random.default_rng(0), "random")


def test_things_in_turn_all_come_before_any_comes_again() -> None:
    drawn = [in_turn(7, turn, 1) for turn in range(21)]
    laps = [drawn[:7], drawn[7:14], drawn[14:]]
    assert all(sorted(lap) == list(range(7)) for lap in laps)
    assert laps[0] != laps[1], "each lap has an order of its own"
    assert drawn != [in_turn(7, turn, 2) for turn in range(21)]
