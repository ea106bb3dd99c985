"""Stand-ins of the authors' checkouts and environments, a module each.

What a stand-in imports, which files it opens and which names on the hub it asks for are those of
the real entry point, read in its repository; what it does with them is ours. So a runner that
forgets a file, a font or a name fails here as it would there.
"""

import ast
import importlib
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from baselines.declaration import Declaration, module_name
from baselines.external import declarations
from baselines.process import External, ProcessSettings

# Every package that the code imports, but for the real ones, so far as only its names are used.
_INERT = """
import os

class _Names(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert

    def __bool__(cls):
        return False

class Inert(metaclass=_Names):
    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert()

    def __bool__(self):
        return False

    @classmethod
    def from_pretrained(cls, name, *args, subfolder="", **kwargs):
        if not os.path.isdir(os.path.join(name, subfolder)):
            raise OSError("offline, and no folder: " + os.path.join(name, subfolder))
        return cls()

    from_config = from_pretrained
"""
_MODULE = """
from inert import Inert

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Inert
"""


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """One system's stand-in.

    Attributes:
        checkout: text of the authors' files, by name.
        packages: text of third-party modules that do something, by file name.
        real: packages that are the real ones of this environment; of the others only names exist.
        weights: text of weight files, by name below the folder of weights; what is declared and not
            among them is an empty file.
        fonts: weights that are a real font.
        prepare: called with the folder of weights, for files that are no text.
    """

    checkout: dict[str, str]
    packages: dict[str, str] = field(default_factory=dict)
    real: tuple[str, ...] = ("numpy", "PIL", "cv2", "omegaconf", "yaml")
    weights: dict[str, str] = field(default_factory=dict)
    fonts: tuple[str, ...] = ()
    prepare: Callable[[Path], None] | None = None


TORCH = ("torch", *StandIn.__dataclass_fields__["real"].default)


def stand_in_of(name: str) -> StandIn:
    return importlib.import_module(f"helpers.stand_ins.{module_name(name)}").STAND_IN


def stand_in(folder: Path, name: str, **settings) -> External:
    """The system of that name with its stand-in's checkout, weights and environment."""
    return write_stand_in(folder, declarations()[name], stand_in_of(name), **settings)


def write_stand_in(
    folder: Path, declaration: Declaration, standing: StandIn, **settings
) -> External:
    """A declared system with a stand-in's checkout, weights and environment below `folder`."""
    _write(folder / "checkout", standing.checkout)
    _write(folder / "weights", standing.weights)
    for weights in declaration.capabilities.weights:
        path = folder / "weights" / weights.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if weights.file in standing.fonts:
            path.symlink_to(a_font())
        elif not path.exists():
            path.touch()
    if standing.prepare:
        standing.prepare(folder / "weights")
    python = _environment(folder, standing, declaration)
    paths = {what: str(folder / what) for what in ("checkout", "weights")}
    settings = {**paths, "python": str(python), "patience_s": 300.0, **settings}
    return External(declaration, ProcessSettings(**settings))


def a_font() -> Path:
    package = find_spec("matplotlib").submodule_search_locations[0]
    return Path(package, "mpl-data", "fonts", "ttf", "DejaVuSans.ttf")


def _environment(folder: Path, standing: StandIn, declaration: Declaration) -> Path:
    """An interpreter that finds the stand-in's packages before those of this environment."""
    site = folder / "site"
    _write(site, {"inert.py": _INERT} | _inert_modules(standing, declaration) | standing.packages)
    python = folder / "python"
    python.write_text(
        # torch.load as in the versions that the authors pin
        f"#!/bin/sh\nTORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 PYTHONPATH='{site}' "
        f"exec '{sys.executable}' \"$@\"\n"
    )
    python.chmod(0o755)
    return python


def _inert_modules(standing: StandIn, declaration: Declaration) -> dict[str, str]:
    """A module for everything that the checkout or the runner imports from elsewhere."""
    local = {Path(file).parts[0].removesuffix(".py") for file in standing.checkout}
    runners = {path.stem for path in declaration.runner.parent.glob("*.py")}
    present = {"inert"} | local | runners | set(sys.stdlib_module_names) | set(standing.real)
    texts = [textwrap.dedent(t) for f, t in standing.checkout.items() if f.endswith(".py")]
    files = {}
    for text in (*texts, declaration.runner.read_text()):
        for module in _imported(text):
            parts = module.split(".")
            if parts[0] in present:
                continue
            for end in range(1, len(parts) + 1):
                files["/".join([*parts[:end], "__init__.py"])] = _MODULE
    return {f: t for f, t in files.items() if f.replace("/__init__", "") not in standing.packages}


def _imported(text: str) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
    return modules


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
