"""Words of the embedded world: a shipped list of common English words, and random strings.

Half of all samples show a word of the list, half a random string that is none. A word belongs to
one split, by its hash.
"""

import hashlib
import string
from functools import cache, lru_cache
from importlib import resources
from typing import Literal

import numpy as np

from dreamtext import charset
from dreamtext.configs.sections import DataConfig
from dreamtext.errors import UserError

LONGEST = 12
Kind = Literal["vocabulary", "random"]
_TRIES = 10_000


@cache
def words(length: int) -> tuple[str, ...]:
    """All shipped words of `length` letters: lower case a to z, sorted, no two the same.

    Raises:
        UserError: a length outside 1 to 12.
    """
    if not 1 <= length <= LONGEST:
        raise UserError(f"a word of {length} letters was asked for; give a length of 1 to 12")
    return tuple(word for word in _all() if len(word) == length)


@lru_cache(maxsize=65536)  # a manifest asks this of the same few thousand words for each entry
def word_split(word: str) -> str:
    """Which split a word belongs to, by its hash without case: 70 % train, 10 % validation,
    20 % test."""
    digit = int(hashlib.sha256(word.lower().encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "validation", 2: "test"}.get(digit, "train")


@cache
def vocabulary(split: str, shortest: int, longest: int) -> tuple[str, ...]:
    """The shipped words of a split, of `shortest` to `longest` letters; there may be none."""
    return tuple(
        word
        for length in range(shortest, min(longest, LONGEST) + 1)
        for word in words(length)
        if word_split(word) == split
    )


def kind_of(word: str) -> Kind:
    """Whether a word stands in the shipped list, in any case."""
    return "vocabulary" if word.lower() in _known() else "random"


def draw(
    config: DataConfig,
    split: str,
    rng: np.random.Generator,
    kind: Kind,
    turn: int | None = None,
) -> str:
    """A word of that split and kind, of the configured lengths and alphabet.

    Where a split has no vocabulary of these lengths it is a random string. `turn` numbers the
    words of the vocabulary that are drawn, so that none comes again before all have come.
    """
    choices = vocabulary(split, config.min_word_length, config.max_word_length)
    if kind == "vocabulary" and choices:
        if turn is None:
            chosen = int(rng.integers(len(choices)))
        else:
            chosen = in_turn(len(choices), turn, config.seed)
        word = choices[chosen]
        if config.alphabet == "upper":
            return word.upper()
        return (word, word.capitalize(), word.upper())[int(rng.integers(3))]
    return _random(config, split, rng, config.min_word_length, config.max_word_length)


def in_turn(count: int, turn: int, *seed: int) -> int:
    """The `turn`-th of `count` things: all in a random order, then all in another."""
    return int(_order(count, turn // count, *seed)[turn % count])


@lru_cache(maxsize=256)
def _order(count: int, lap: int, *seed: int) -> np.ndarray:
    return np.random.default_rng([count, lap, *seed]).permutation(count)


def another(config: DataConfig, split: str, word: str, rng: np.random.Generator, seed: int) -> str:
    """Another word of the same split, kind and length, in the same case where it is a word of the
    list or all capitals: what editing paints has the distribution of what stands there.

    A word of the list is followed by the next one of its length in a random order that `seed`
    decides, so that different words are painted over different words. Where the split has no
    other of that length it is a random string.

    Raises:
        UserError: no random string of that length is another word.
    """
    length = len(word)
    choices = vocabulary(split, length, length)
    if word.lower() in choices and len(choices) > 1:
        order = _order(len(choices), 0, seed)
        place = int(np.nonzero(order == choices.index(word.lower()))[0][0])
        return like(word, choices[order[(place + 1) % len(choices)]])
    for _ in range(_TRIES):
        chosen = _random(config, split, rng, length, length)
        chosen = chosen.upper() if word == word.upper() else chosen
        if chosen != word:
            return chosen
    raise UserError(f"'{word}' is the only word of its length in the {split} split")


def like(word: str, other: str) -> str:
    """`other`, a lower-case word, in the case of `word`."""
    if len(word) > 1 and word[0].isupper() and word[1:].islower():
        return other.capitalize()
    return other.upper() if any(c.isupper() for c in word) else other


def _random(
    config: DataConfig, split: str, rng: np.random.Generator, shortest: int, longest: int
) -> str:
    letters = {
        "upper": string.ascii_uppercase,
        "alphanumeric": string.ascii_letters + string.digits,
        "printable": charset.CHARACTERS,
    }[config.alphabet]
    for _ in range(_TRIES):
        length = int(rng.integers(shortest, longest + 1))
        word = "".join(letters[i] for i in rng.integers(len(letters), size=length))
        if word_split(word) == split and kind_of(word) == "random":
            return word
    raise UserError(
        f"no random string of {shortest} to {longest} characters of the alphabet "
        f"'{config.alphabet}' belongs to the {split} split; allow longer words "
        "(data.max_word_length)"
    )


@cache
def _known() -> frozenset[str]:
    return frozenset(_all())


@cache
def _all() -> tuple[str, ...]:
    text = resources.files("dreamtext.data.embedded").joinpath("words.txt").read_text("ascii")
    return tuple(text.split())
