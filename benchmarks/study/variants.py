"""Fragments of studies: an axis is a few variants, and axes are crossed or put side by side."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.study import Variant
from dreamtext.errors import UserError


def axis(key: str, values: Iterable[Any], label: str | None = None) -> tuple[Variant, ...]:
    """One variant for each value of an option: `axis("objective.gamma", (0, 1))` is `gamma=0` and
    `gamma=1`."""
    short = label or key.rpartition(".")[2]
    return tuple(
        Variant(name=f"{short}={_text(v)}", overrides=(f"{key}={_text(v)}",)) for v in values
    )


def cross(*axes: Sequence[Variant]) -> tuple[Variant, ...]:
    """Every combination of variants, one of each axis; names and overrides are joined.

    Raises:
        UserError: an axis of other systems, which have no options.
    """
    found: tuple[Variant, ...] = (Variant(name=""),)
    for variants in axes:
        for variant in variants:
            if variant.system != "dreamtext":
                raise UserError(f"'{variant.name}' is another system and cannot be crossed")
        found = tuple(
            Variant(
                name=" ".join(filter(None, (left.name, right.name))),
                overrides=(*left.overrides, *right.overrides),
            )
            for left in found
            for right in variants
        )
    return found


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
