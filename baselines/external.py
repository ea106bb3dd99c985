"""Every system that runs in an environment of its own, found in `baselines.declared`."""

import importlib
import pkgutil
from functools import cache

from baselines import declared
from baselines.declaration import Declaration


@cache
def declarations() -> dict[str, Declaration]:
    """The declared systems by name, in alphabetical order."""
    modules = sorted(module.name for module in pkgutil.iter_modules(declared.__path__))
    systems = [importlib.import_module(f"{declared.__name__}.{name}").SYSTEM for name in modules]
    return {system.name: system for system in systems}
