"""Systems that need an environment of their own, run as a process behind a contract of files.

    PYTHON runner.py --manifest IN/requests.jsonl --out OUT --weights DIR --checkout DIR --seed S

A line in has id, image, mask (255 = edit), glyph (the word typeset, black on white), all paths
relative to the manifest, and quad, box, source_word, word, prompt, seed. A line out, appended to
OUT/answers.jsonl, has id, status (ok, unsupported, error), image (relative to OUT), reason,
seconds, peak_memory_mib and meta. What the runner prints goes to a log and is never read, but for
its end when something went wrong.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from baselines.request import PROMPT, Answer, Request
from baselines.system import Capabilities, System, home
from dreamtext.configs.schema import Checked, option
from dreamtext.data.embedded import typesetting
from dreamtext.errors import RunError

RUNNERS = Path(__file__).parent / "runners"
ENVIRONMENTS = Path(__file__).parent / "environments"
# Nothing is fetched while a system runs: what is missing has to be put there by its user.
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONNOUSERSITE": "1"}


@dataclass(frozen=True, kw_only=True)
class ProcessSettings(Checked):
    """Where a system's code, weights and environment are, and how long to wait for it.

    Attributes:
        checkout, weights: folders; python: the environment's interpreter. "" means the folders
            `checkout`, `weights` and `env/bin/python` below $DREAMTEXT_BASELINES/<name>.
        patience_s: seconds without a new answer, the loading of the model included, after which
            the process counts as hung.
        options: `key=value` of the authors' own configuration, as the runner documents them.
    """

    checkout: str = option("", identity=False)
    weights: str = option("", identity=False)
    python: str = option("", identity=False)
    patience_s: float = option(900.0, identity=False)
    seed: int = 0
    options: tuple[str, ...] = ()

    def check(self) -> None:
        self.require(self.patience_s > 0, "patience_s must be positive")


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is known of an external system before it is installed.

    Attributes:
        python: the version its authors pin, as "3.8".
        packages: pins that decide its results, checked in its environment.
        needed: files its checkout must have.    repository: where it is published, in words.
        revision: the commit it was written against; "" is unpinned: recorded with every run.
    """

    name: str
    summary: str
    capabilities: Capabilities
    repository: str
    python: str
    revision: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    version: int = 1

    @property
    def runner(self) -> Path:
        return RUNNERS / f"{self.name.replace('-', '_')}.py"

    @property
    def environment(self) -> Path:
        return ENVIRONMENTS / f"{self.name}.txt"


class External(System):
    """A declared system, run by its runner in its own environment, once for all requests."""

    name = "external"

    def __init__(self, declaration: Declaration, settings: ProcessSettings) -> None:
        self.declaration, self.settings = declaration, settings
        self.name = declaration.name  # type: ignore[misc]
        self.capabilities = replace(declaration.capabilities, batch_size=0)

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"version": self.declaration.version}

    @property
    def checkout(self) -> Path:
        return Path(self.settings.checkout or home(self.name) / "checkout")

    @property
    def weights_folder(self) -> Path:
        return Path(self.settings.weights or home(self.name) / "weights")

    @property
    def python(self) -> Path:
        return Path(self.settings.python or home(self.name) / "env" / "bin" / "python")

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        for what, path in (("checkout", self.checkout), ("weights", self.weights_folder)):
            if not path.is_dir():
                raise RunError(
                    f"the system '{self.name}' needs its {what} in the folder {path}, which is "
                    f"not there; `dreamtext baselines doctor {self.name}` says how to get it"
                )
        if not self.python.is_file():
            raise RunError(
                f"the system '{self.name}' needs an environment of its own with the interpreter "
                f"{self.python}, which is not there; make it from {self.declaration.environment}"
            )
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as folder:
            asked, out = Path(folder, "in"), Path(folder, "out")
            asked.mkdir()
            out.mkdir()
            write_requests(batch, asked)
            ended = self._run(asked / "requests.jsonl", out, Path(folder, "log.txt"))
            answers, rubbish = read_answers(out)
            if rubbish:
                ended = f"{rubbish} of its lines were no answers, and {ended}"
            if not answers:
                raise RunError(f"the system '{self.name}' gave no answer at all: {ended}")
            return answers + _unanswered(batch, answers, ended)

    def _run(self, manifest: Path, out: Path, log: Path) -> str:
        """Run to its end, or until it hangs; says how it ended."""
        command = [str(self.python), str(self.declaration.runner.resolve())]
        command += ["--manifest", str(manifest), "--out", str(out)]
        command += ["--weights", str(self.weights_folder.resolve())]
        command += ["--checkout", str(self.checkout.resolve())]
        command += ["--seed", str(self.settings.seed)]
        for assignment in self.settings.options:
            command += ["--option", assignment]
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        with log.open("wb") as written:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                env=environment | _OFFLINE,
                start_new_session=True,
            )
            try:
                hung = not self._watch(process, out / "answers.jsonl")
            finally:
                _end(process)
        if hung:
            return (
                f"it hung: no answer for {self.settings.patience_s:g} s (patience_s), and was "
                f"ended{_tail(log)}"
            )
        if process.returncode:
            cause = f"exit code {process.returncode}"
            if process.returncode < 0:
                cause = f"signal {signal.Signals(-process.returncode).name}"
            return f"it died with {cause}{_tail(log)}"
        return f"it ended without an answer to every sample{_tail(log)}"

    def _watch(self, process: subprocess.Popen, answers: Path) -> bool:
        """Wait for the end; False when there was no new answer within the patience."""
        size, since = 0, time.monotonic()
        while True:
            try:
                process.wait(timeout=0.1)
                return True
            except subprocess.TimeoutExpired:
                now = answers.stat().st_size if answers.exists() else 0
                if now != size:
                    size, since = now, time.monotonic()
                elif time.monotonic() - since > self.settings.patience_s:
                    return False


def _end(process: subprocess.Popen) -> None:
    """End a process and all it has started: they are a session of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _tail(log: Path, lines: int = 6) -> str:
    text = log.read_text(errors="replace").strip().splitlines()[-lines:]
    return "; it said last:\n" + "\n".join(line[:300] for line in text) if text else ""


def write_requests(batch: Sequence[Request], folder: Path) -> None:
    """`requests.jsonl` and its images, numbered: no id is ever used as a file's name."""
    lines = []
    for number, request in enumerate(batch):
        names = {what: f"{number:06d}-{what}.png" for what in ("image", "mask", "glyph")}
        Image.fromarray(request.image).save(folder / names["image"])
        Image.fromarray(np.where(request.region, np.uint8(255), np.uint8(0))).save(
            folder / names["mask"]
        )
        Image.fromarray(glyph_image(request)).save(folder / names["glyph"])
        line = {
            "id": request.id,
            **names,
            "quad": [[round(float(v), 3) for v in corner] for corner in request.quad],
            "box": list(request.box),
            "source_word": request.source_word,
            "word": request.word,
            "prompt": PROMPT.replace("{word}", request.word),
            "seed": request.seed,
        }
        lines.append(json.dumps(line) + "\n")
    (folder / "requests.jsonl").write_text("".join(lines))


def glyph_image(request: Request) -> np.ndarray:
    """(H, W) uint8: the word typeset in its quad, black on white."""
    face = typesetting.best_fitting(request.word, request.quad)
    coverage = typesetting.typeset(
        request.word, request.quad, request.region.shape, face=face, stretch=1.35
    )
    return (255 * (1 - coverage.max(axis=0))).round().astype(np.uint8)


def read_answers(out: Path) -> tuple[list[Answer], int]:
    """Every answer of `answers.jsonl`, and how many lines were none.

    An answer off the contract, or with an image off it, is an error, named.
    """
    file = out / "answers.jsonl"
    if not file.is_file():
        return [], 0
    answers, rubbish = [], 0
    for line in file.read_text(errors="replace").splitlines():
        try:
            values = json.loads(line)
            id, status = values["id"], values["status"]
            seconds = float(values.get("seconds") or 0)
        except (ValueError, KeyError, TypeError):
            id = None
        if not isinstance(id, str):
            rubbish += 1  # its sample stays without an answer
            continue
        if status not in ("ok", "unsupported", "error"):
            reason = f"the runner gave the unknown status {status!r}"
            answers.append(Answer(id=id, status="error", reason=reason))
            continue
        image, reason = None, str(values.get("reason", ""))[:2000]
        if status == "ok":
            image, problem = _read_image(out, values.get("image"))
            if problem:
                status, reason = "error", problem
        answers.append(
            Answer(
                id=id,
                status=status,
                image=image,
                reason=reason or ("no reason given" if status != "ok" else ""),
                seconds=seconds,
                meta={k: values[k] for k in ("peak_memory_mib", "meta") if k in values},
            )
        )
    return answers, rubbish


def _read_image(out: Path, name: Any) -> tuple[np.ndarray | None, str]:
    if not isinstance(name, str) or not name:
        return None, "the answer names no image"
    path = (out / name).resolve()
    if not path.is_relative_to(out.resolve()):
        return None, f"the image '{name}' lies outside the runner's folder"
    try:
        with Image.open(path) as opened:
            return np.array(opened.convert("RGB")), ""
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        return None, f"the image '{name}' cannot be read ({type(error).__name__})"


def _unanswered(batch: Sequence[Request], answers: Sequence[Answer], ended: str) -> list[Answer]:
    there = {a.id for a in answers}
    return [
        Answer(id=r.id, status="error", reason=f"no answer to this sample: {ended}")
        for r in batch
        if r.id not in there
    ]
