"""Where what comes along lies: `results/` of a checkout, or what a wheel installed of it."""

import sys
from pathlib import Path

import dreamtext


def project() -> Path:
    """The folder that the packages lie in: a checkout, a snapshot, or site-packages."""
    return Path(dreamtext.__path__[0]).resolve().parent


def results() -> Path:
    """The folder of recorded results that come along: published numbers and trained models.

    In a checkout `results/` beside the packages; from a wheel `share/dreamtext` of the environment
    (pyproject.toml, data-files).
    """
    checkout = project() / "results"
    return checkout if checkout.is_dir() else Path(sys.prefix) / "share" / "dreamtext"


def found(path: Path) -> Path:
    """A path as it is if it is there; else, of `results/...`, the same among what comes along."""
    if path.exists() or path.is_absolute() or path.parts[:1] != ("results",):
        return path
    along = results().joinpath(*path.parts[1:])
    return along if along.exists() else path
