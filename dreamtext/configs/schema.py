"""What configurations have in common: checked types, plain values, overrides, identity.

A field declared with `option(..., identity=False)` never enters a signature (paths, logging,
workers). A field added after runs exist is declared with `neutral=<value>`: while it has that
value it is left out of the signature, so runs made before it existed keep theirs.
"""

import dataclasses
import difflib
import hashlib
import json
import types
import typing
from dataclasses import field
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dreamtext.errors import UserError

_UNSET = object()


def option(default: Any, *, identity: bool = True, neutral: Any = _UNSET) -> Any:
    """A dataclass field with its part in a run's identity (see the module's docstring)."""
    metadata = {"identity": identity}
    if neutral is not _UNSET:
        metadata["neutral"] = neutral
    return field(default=default, metadata=metadata)


@cache  # resolving a class's annotations anew is most of a check's time
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


class Checked:
    """Checks every field's type when a configuration is made."""

    def __post_init__(self) -> None:
        hints = _hints(type(self))  # type: ignore[arg-type]  # a class is hashable
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value = _coerce(getattr(self, f.name), hints[f.name], f"{type(self).__name__}.{f.name}")
            object.__setattr__(self, f.name, value)
        self.check()

    def check(self) -> None:
        """Relations between fields; raises `UserError`."""

    def canonical(self) -> "Checked":
        """The one form of all settings that mean the same, which a signature is made from."""
        return self

    def require(self, holds: bool, message: str) -> None:
        if not holds:
            raise UserError(f"{type(self).__name__}: {message}")


# --- plain values <-> configuration -------------------------------------------------------------


def to_dict(config: Any) -> Any:
    """Plain JSON values of a configuration, every field included."""
    if dataclasses.is_dataclass(config):
        return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}
    return list(config) if isinstance(config, tuple) else config


def from_dict(cls: type, values: dict[str, Any], base: Any = None, path: str = "") -> Any:
    """Build `cls` from plain values; what is not given comes from `base` (or the defaults).

    Raises:
        UserError: an unknown key (with the nearest known one) or a value of the wrong type.
    """
    if not isinstance(values, dict):
        raise UserError(f"'{path}' is a section of keys, but the value {values!r} was given")
    base = cls() if base is None else base
    hints = _hints(cls)
    changed = {}
    for key, value in values.items():
        name = f"{path}.{key}" if path else key
        if key not in hints:
            raise UserError(f"unknown key '{name}'{_nearest(key, path, cls, hints)}")
        if dataclasses.is_dataclass(hints[key]):
            changed[key] = from_dict(hints[key], value, getattr(base, key), name)
        else:
            changed[key] = _coerce(value, hints[key], name)
    return dataclasses.replace(base, **changed)


def override(config: Any, assignments: list[str] | tuple[str, ...]) -> Any:
    """Apply `section.key=value` strings, parsed by OmegaConf, strictly.

    Raises:
        UserError: no `=`, an unknown key (with the nearest known one) or a value of another type.
    """
    if not assignments:
        return config
    from omegaconf import OmegaConf

    for text in assignments:
        if "=" not in text or text.startswith("="):
            raise UserError(f"'{text}' is not an override: write key=value, as training.steps=600")
    # A shell takes the quotes off key='': what is left is empty text, where YAML reads null.
    texts = [f"{text}''" if text.partition("=")[2] == "" else text for text in assignments]
    values = OmegaConf.to_container(OmegaConf.from_dotlist(texts))
    return from_dict(type(config), typing.cast(dict, values), config)


def _nearest(key: str, path: str, cls: type, hints: dict[str, Any]) -> str:
    near = difflib.get_close_matches(key, list(hints), n=1)
    if near:
        return f"; the nearest known one is '{path + '.' if path else ''}{near[0]}'"
    known = ", ".join(hints)
    return f"; known keys{' of ' + path if path else ''}: {known}"


def _coerce(value: Any, hint: Any, name: str) -> Any:
    origin = get_origin(hint)
    if origin is Literal:
        if isinstance(value, bool):  # YAML reads the words no, off, yes and on as such
            words = ("yes", "on") if value else ("no", "off")
            value = next((word for word in words if word in get_args(hint)), value)
        if value in get_args(hint) and not isinstance(value, bool):
            return value
        expected = "one of " + ", ".join(map(str, get_args(hint)))
    elif origin in (types.UnionType, typing.Union):
        if value is None and type(None) in get_args(hint):
            return None
        return _coerce(value, next(a for a in get_args(hint) if a is not type(None)), name)
    elif origin is tuple:
        if isinstance(value, (list, tuple)):
            return tuple(_coerce(v, get_args(hint)[0], f"{name}[{i}]") for i, v in enumerate(value))
        expected = "a list such as [1,2]"
    elif hint is float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        expected = "a number"
    elif hint is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        expected = "a whole number"
    elif isinstance(value, hint):
        return value
    else:
        expected = {bool: "true or false", str: "text"}.get(hint, hint.__name__)
    raise UserError(f"'{name}' must be {expected}, but {value!r} was given")


# --- identity -----------------------------------------------------------------------------------


def identity(config: Any) -> Any:
    """The meaning-bearing plain values of a configuration: what its signature is a hash of."""
    if not dataclasses.is_dataclass(config):
        return to_dict(config)
    if isinstance(config, Checked):
        config = config.canonical()
    out = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if f.metadata.get("identity", True) and not (
            "neutral" in f.metadata and value == f.metadata["neutral"]
        ):
            out[f.name] = identity(value)
    return out


def signature(values: Any) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of plain values in canonical JSON."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
