"""The 94 printable characters <-> ids; id 0 is padding; `string.printable`, no space."""

import string

from dreamtext.errors import UserError

CHARACTERS = "".join(c for c in string.printable if not c.isspace())
PADDING = 0
CLASSES = len(CHARACTERS) + 1

_IDS = {c: i + 1 for i, c in enumerate(CHARACTERS)}


def check(word: str, max_length: int = 12) -> str:
    """`word` itself, if it can be painted.

    Raises:
        UserError: it is empty, too long, or has characters that no model knows.
    """
    if not word:
        raise UserError(f"the word is empty: give 1 to {max_length} characters")
    foreign = sorted({c for c in word if c not in _IDS})
    if foreign:
        listed = " ".join(repr(c) for c in foreign)
        raise UserError(
            f"the word {word!r} has characters outside the 94 that the model knows: {listed}; "
            "use ASCII letters, digits and punctuation without spaces"
        )
    if len(word) > max_length:
        raise UserError(
            f"the word {word!r} has {len(word)} characters; at most {max_length} can be painted"
        )
    return word


def encode(word: str, max_length: int = 12) -> list[int]:
    """Ids of a word's characters, padded with 0 to `max_length`."""
    check(word, max_length)
    return [_IDS[c] for c in word] + [PADDING] * (max_length - len(word))


def decode(ids: list[int]) -> str:
    """The word of a row of ids; padding is left out."""
    return "".join(CHARACTERS[i - 1] for i in ids if i != PADDING)
