"""What a system is: whatever repaints a word. Our model, a baseline and a reference are all one.

A system says what it can do and repaints requests. The harness alone cuts crops, composites and
scores, and asks through `ask`, which holds every system to the same terms.
"""

import difflib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from baselines.fitting import Fitted
from dreamtext import charset
from dreamtext.configs.schema import Checked, identity
from dreamtext.errors import RunError, UserError

if TYPE_CHECKING:
    from dreamtext.data.sample import Sample

Task = Literal["reconstruction", "editing"]
Status = Literal["ok", "unsupported", "error"]
PROMPT = 'a sign that says "{word}"'  # what systems that read a prompt are told


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """One word to paint into one image.

    Attributes:
        id: name of the sample.             seed: of the noise, the same for every system.
        image: (H, W, 3) uint8 RGB, the real image; systems that inpaint mask it themselves.
        region: (H, W) bool, True where the image is repainted.
        quad: (4, 2) float32, the word's corners x, y in pixels, clockwise from its top left.
        source_word: what stands there now.  word: what is to be painted.
    """

    id: str
    image: np.ndarray
    region: np.ndarray
    quad: np.ndarray
    source_word: str
    word: str
    seed: int

    @classmethod
    def of(cls, sample: "Sample", word: str, seed: int) -> "Request":
        """The request to paint `word` in a data set's sample."""
        return cls(
            id=sample.id,
            image=sample.image,
            region=sample.region,
            quad=sample.quad,
            source_word=sample.word,
            word=word,
            seed=seed,
        )

    @property
    def task(self) -> Task:
        return "reconstruction" if self.word == self.source_word else "editing"

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of the region in pixels, x1 and y1 exclusive."""
        rows, columns = np.nonzero(self.region)
        if not len(rows):
            raise UserError(f"sample '{self.id}' has an empty region: nothing to repaint")
        return (
            int(columns.min()),
            int(rows.min()),
            int(columns.max()) + 1,
            int(rows.max()) + 1,
        )

    @cached_property
    def masked_image(self) -> np.ndarray:
        """(H, W, 3) uint8: the image with mid grey inside the region."""
        return np.where(self.region[..., None], np.uint8(128), self.image)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a system made of a request.

    Attributes:
        image: (H, W, 3) uint8 RGB, the system's whole picture, nothing put back into it. What
            `ask` returns always has one: the masked image where the status is not `ok`, so that
            a sample without an answer is scored as a failure.
        reason: why there is no picture.    seconds: spent on this sample.
        meta: findings of the system, plain JSON values (peak_memory_mib, steps, ...).
    """

    id: str
    status: Status = "ok"
    image: np.ndarray | None = None
    reason: str = ""
    seconds: float = 0.0
    meta: dict[str, Any] = field(default_factory=dict)


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
    """The device `auto` stands for; any other name as it is."""
    if asked != "auto":
        return asked
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def ask(system: System, requests: Sequence[Request]) -> list[Answer]:
    """Have a system answer requests: exactly one answer each, in order, in the request's size.

    Requests outside its capabilities are not put to it. Images are brought to its native size and
    back. An answer that does not keep to the terms becomes an error on its sample.

    Raises:
        RunError: the system as a whole cannot answer.
    """
    answers: dict[str, Answer] = {}
    able = []
    for request in requests:
        refusal = system.capabilities.refusal(request)
        if refusal:
            answers[request.id] = Answer(id=request.id, status="unsupported", reason=refusal)
        else:
            able.append(request)
    size = system.capabilities.batch_size or max(len(able), 1)
    for start in range(0, len(able), size):
        batch = able[start : start + size]
        answers |= {a.id: a for a in _ask_batch(system, batch)}
    return [_with_picture(answers[r.id], r) for r in requests]


def _ask_batch(system: System, batch: list[Request]) -> list[Answer]:
    fitted = {r.id: Fitted(r, system.capabilities.native_size) for r in batch}
    began = time.perf_counter()
    given = system.repaint([fitted[r.id].request for r in batch])
    share = (time.perf_counter() - began) / len(batch)
    found: dict[str, Answer] = {}
    repeated = set()
    for answer in given:
        if answer.id not in fitted:
            near = difflib.get_close_matches(answer.id, fitted, n=1)
            hint = f" (the nearest asked for is '{near[0]}')" if near else ""
            raise RunError(
                f"the system '{system.name}' answered for the sample '{answer.id}', which was not "
                f"asked for{hint}; its answers cannot be trusted"
            )
        if answer.id in found:
            repeated.add(answer.id)
        found[answer.id] = answer
    checked = []
    for request in batch:
        answer = found.get(request.id)
        if answer is None:
            answer = Answer(id=request.id, status="error", reason="no answer to this sample")
        elif request.id in repeated:
            answer = _failed(answer, "more than one answer to this sample")
        elif answer.status == "ok":
            answer = _checked(answer, fitted[request.id])
        checked.append(answer if answer.seconds else replace(answer, seconds=share))
    return checked


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
    if answer.status == "ok":
        return answer
    return replace(answer, image=request.masked_image)
