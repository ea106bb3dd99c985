"""What a system is: whatever repaints a word. Our model, a baseline and a reference are all one.

A system says what it can do and repaints requests. The harness alone cuts crops, composites and
scores, and asks through `ask`, which holds every system to the same terms.
"""

import difflib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from baselines.fitting import Fitted
from baselines.request import Answer, Request, Task
from dreamtext import charset
from dreamtext.configs.schema import Checked, identity
from dreamtext.errors import RunError


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A file or folder of weights that a system needs and this project does not carry.

    Attributes:
        file: its name below the user's folder of weights.
        source: where it is published, in words.
        sha256: of a file, where known; "" is unpinned: recorded with every run, never checked.
    """

    file: str
    source: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a system can be asked for.

    Attributes:
        modes: tasks it can do.             max_length: characters of the longest word.
        characters: those it can paint.     native_size: (height, width), None: any size.
        licence: of code and weights.       weights: what it needs besides its code.
        batch_size: requests at a time, 0: all at once.
    """

    modes: tuple[Task, ...] = ("reconstruction", "editing")
    max_length: int = 12
    characters: str = charset.CHARACTERS
    native_size: tuple[int, int] | None = None
    licence: str = ""
    weights: tuple[Weights, ...] = ()
    batch_size: int = 32

    def refusal(self, request: Request) -> str:
        """Why a request is not supported; "" when it is."""
        if request.task not in self.modes:
            return f"the task {request.task} is not among its tasks ({', '.join(self.modes)})"
        if not 1 <= len(request.word) <= self.max_length:
            return f"'{request.word}' has {len(request.word)} characters, at most {self.max_length}"
        strange = sorted(set(request.word) - set(self.characters))
        if strange:
            return f"'{request.word}' has characters it cannot paint: {' '.join(strange)}"
        return ""


@dataclass(frozen=True, kw_only=True)
class NoSettings(Checked):
    """For systems without anything to set."""


class System(ABC):
    """Whatever repaints a word.

    Attributes:
        name: as in tables and on the command line.
        version: raised whenever the same requests would give other pictures.
        settings: a frozen configuration; its fields marked `identity=False` are paths and devices.
        deterministic: whether it makes no use of the requests' seeds.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    deterministic: ClassVar[bool] = False
    capabilities: Capabilities = Capabilities()
    settings: Any = NoSettings()

    @property
    def weights_folder(self) -> Path | None:
        """Where its weights lie on this machine; None where it needs none."""
        return None

    @abstractmethod
    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        """One answer to each request, in any order; every request is within the capabilities.

        Raises:
            RunError: the system as a whole cannot answer (no weights, no environment).
        """

    def identity(self) -> dict[str, Any]:
        """The plain values that decide its pictures: its part of a sample run's signature."""
        return {"system": self.name, "version": self.version, **identity(self.settings)}


def home(name: str) -> Path:
    """Where a system's files are looked for, unless its settings name other places."""
    return Path(os.environ.get("DREAMTEXT_BASELINES", "external")) / name


def torch_device(asked: str) -> str:
    """As `dreamtext.devices.device`, by name."""
    from dreamtext import devices

    return str(devices.device(asked))


def ask(system: System, requests: Sequence[Request]) -> list[Answer]:
    """Have a system answer requests: exactly one answer each, in order, in the request's size.

    Requests outside its capabilities are not put to it. Images are brought to its native size and
    back. An answer that does not keep to the terms becomes an error on its sample.

    Raises:
        RunError: the system as a whole cannot answer.
    """
    answers: dict[str, Answer] = {}
    within_reach = []
    for request in requests:
        refusal = system.capabilities.refusal(request)
        if refusal:
            answers[request.id] = Answer(id=request.id, status="unsupported", reason=refusal)
        else:
            within_reach.append(request)
    size = system.capabilities.batch_size or max(len(within_reach), 1)
    for start in range(0, len(within_reach), size):
        batch = within_reach[start : start + size]
        answers |= {answer.id: answer for answer in _ask_batch(system, batch)}
    return [_with_picture(answers[request.id], request) for request in requests]


def _ask_batch(system: System, batch: list[Request]) -> list[Answer]:
    fitted = {request.id: Fitted(request, system.capabilities.native_size) for request in batch}
    began = time.perf_counter()
    received = system.repaint([fitted[request.id].request for request in batch])
    share = (time.perf_counter() - began) / len(batch)
    by_id: dict[str, list[Answer]] = {request.id: [] for request in batch}
    for answer in received:
        if answer.id not in by_id:
            near = difflib.get_close_matches(answer.id, by_id, n=1)
            hint = f" (the nearest asked for is '{near[0]}')" if near else ""
            raise RunError(
                f"the system '{system.name}' answered for the sample '{answer.id}', which was not "
                f"asked for{hint}; its answers cannot be trusted"
            )
        by_id[answer.id].append(answer)
    checked = [_the_answer(by_id[request.id], fitted[request.id]) for request in batch]
    return [answer if answer.seconds else replace(answer, seconds=share) for answer in checked]


def _the_answer(received: list[Answer], fitted: Fitted) -> Answer:
    """What counts as the one answer to a request: an error where there is none, or several."""
    if not received:
        return Answer(id=fitted.request.id, status="error", reason="no answer to this sample")
    if len(received) > 1:
        return _failed(received[-1], "more than one answer to this sample")
    (answer,) = received
    return _checked(answer, fitted) if answer.status == "ok" else answer


def _checked(answer: Answer, fitted: Fitted) -> Answer:
    image, expected = answer.image, fitted.request.image.shape
    if image is None:
        return _failed(answer, "the answer has no image")
    if image.dtype != np.uint8 or image.shape != expected:
        return _failed(
            answer,
            f"the image is {image.dtype} {image.shape}, but uint8 {expected} was expected",
        )
    return replace(answer, image=fitted.back(image))


def _failed(answer: Answer, reason: str) -> Answer:
    return replace(answer, status="error", reason=reason, image=None)


def _with_picture(answer: Answer, request: Request) -> Answer:
    """An answer as it is scored: a sample without a picture is scored as the masked image."""
    if answer.status == "ok":
        return answer
    return replace(answer, image=request.masked_image)
