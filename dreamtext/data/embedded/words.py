"""The shipped list of common English words, of which editing draws its target words."""

from functools import cache
from importlib import resources

from dreamtext.errors import UserError

LONGEST = 12


@cache
def words(length: int) -> tuple[str, ...]:
    """All shipped words of `length` letters: lower case a to z, sorted, no two the same.

    Raises:
        UserError: a length outside 1 to 12.
    """
    if not 1 <= length <= LONGEST:
        raise UserError(f"a word of {length} letters was asked for; give a length of 1 to 12")
    return tuple(word for word in _all() if len(word) == length)


@cache
def _all() -> tuple[str, ...]:
    text = resources.files("dreamtext.data.embedded").joinpath("words.txt").read_text("ascii")
    return tuple(text.split())
