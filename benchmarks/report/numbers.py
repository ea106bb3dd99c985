"""Values as text: as many digits as a reader compares, intervals beside them."""

from typing import Any


def value(found: Any, planned: int) -> str:
    """A row's value with its interval; how many of `planned` seeds there are where it has none."""
    if found is None:
        return f"- (0/{planned} seeds)" if planned else "-"
    if found.value != found.value:
        lacking = found.seeds < found.planned and not found.reason
        return f"- ({found.seeds}/{found.planned} seeds)" if lacking else "-"
    digits = 3 if abs(found.value) < 10 else 1
    return f"{found.value:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def difference(found: Any) -> str:
    """A row's difference to the reference; empty where it has none."""
    if found is None or found.difference != found.difference:
        return ""
    return signed(found.difference, found.difference_low, found.difference_high)


def signed(number: float, low: float, high: float) -> str:
    """A difference with its interval."""
    digits = 3 if max(abs(low), abs(high)) < 10 else 1
    return f"{number:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def plain(number: float) -> str:
    """A number that has no interval."""
    return f"{number:.3f}" if abs(number) < 10 else f"{number:.1f}"


def seeds(n: int) -> str:
    """How many seeds, as a caption says it."""
    return f"{n} seed{'s' if n > 1 else ''}"
