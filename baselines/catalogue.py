"""Every system by name, and how one is made from plain settings.

    system = configured("typeset", ["contrast=3"])
    answers = ask(system, requests)

Nothing here imports a network library; systems do so when they first repaint.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from baselines.brought import Brought, BroughtSettings
from baselines.external import declarations
from baselines.imported import Imported, ImportedSettings
from baselines.process import External, ProcessSettings
from baselines.references import ClassicalInpainting, InpaintSettings, Masked, Truth
from baselines.sd_inpainting import DiffusionInpainting, DiffusionInpaintingSettings
from baselines.system import NoSettings, System
from baselines.typeset import Typeset, TypesetSettings
from baselines.udifftext import UDiffText, UDiffTextSettings
from dreamtext.configs.schema import override
from dreamtext.errors import UserError

Kind = Literal["reference", "brought", "in process", "own process"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """How a system is listed and made.

    Attributes:
        kind: where it runs: a reference, in this process, in a process of its own, or with somebody
            else, who brings the pictures.
        make: settings -> system; it does no work.
    """

    name: str
    kind: Kind
    summary: str
    settings: type
    make: Callable[[Any], System]


def entries() -> dict[str, Entry]:
    """All systems by name, in the order of a table's rows. Our own models are not among them:
    they are made from a train run's folder (`baselines.ours.OurModel`)."""
    listed = [
        Entry(
            name="truth",
            kind="reference",
            summary="the real image: the ceiling",
            settings=NoSettings,
            make=lambda settings: Truth(),
        ),
        Entry(
            name="masked",
            kind="reference",
            summary="the image with its region grey: the floor",
            settings=NoSettings,
            make=lambda settings: Masked(),
        ),
        Entry(
            name="opencv",
            kind="reference",
            summary="the region filled without any text",
            settings=InpaintSettings,
            make=ClassicalInpainting,
        ),
        Entry(
            name="typeset",
            kind="reference",
            summary="the region filled and the word set in a fitting font and colour",
            settings=TypesetSettings,
            make=Typeset,
        ),
        Entry(
            name="folder",
            kind="brought",
            summary="pictures somebody painted on an exported benchmark; export=, results=",
            settings=BroughtSettings,
            make=Brought,
        ),
        Entry(
            name="sd2-inpainting",
            kind="in process",
            summary="Stable Diffusion 2 inpainting with a prompt: no character guidance",
            settings=DiffusionInpaintingSettings,
            make=DiffusionInpainting,
        ),
        Entry(
            name="released",
            kind="in process",
            summary="DreamText as published, its checkpoint imported",
            settings=ImportedSettings,
            make=partial(Imported, "released"),
        ),
        Entry(
            name="udifftext",
            kind="in process",
            summary="UDiffText as published, its checkpoint imported; options refinement, noises",
            settings=UDiffTextSettings,
            make=UDiffText,
        ),
        *(
            Entry(
                name=declaration.name,
                kind="own process",
                summary=declaration.summary,
                settings=ProcessSettings,
                make=partial(External, declaration),
            )
            for declaration in declarations().values()
            # AnyText among them: diffusers 0.42.1 ships no pipeline of it, only an example script
            # outside the package, so it cannot run in process.
        ),
    ]
    return {entry.name: entry for entry in listed}


def configured(name: str, assignments: Sequence[str] = ()) -> System:
    """A system by name, its settings overridden by `key=value` strings.

    Raises:
        UserError: an unknown name or setting, with the nearest known one.
    """
    known = entries()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; the nearest known one is '{near[0]}'" if near else ""
        raise UserError(f"unknown system '{name}'{hint}; known are {', '.join(known)}")
    entry = known[name]
    return entry.make(override(entry.settings(), tuple(assignments)))
