"""A declared system, run as a process of its own behind the contract of `baselines.exchange`.

    PYTHON runner.py --manifest IN/requests.jsonl --out OUT --weights DIR --checkout DIR --seed S

What the runner prints goes to a log and is never read, but for its end when something went wrong.
"""

import difflib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baselines.declaration import Declaration
from baselines.exchange import read_answers, write_requests
from baselines.request import Answer, Request
from baselines.system import System, home
from dreamtext.configs.schema import Checked, option
from dreamtext.errors import RunError, UserError

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


class External(System):
    """A declared system, run by its runner in its own environment, once for all requests."""

    name = "external"

    def __init__(self, declaration: Declaration, settings: ProcessSettings) -> None:
        _check_options(declaration, settings.options)
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
            answers, unreadable = read_answers(out)
            if unreadable:
                ended = f"{unreadable} of its lines were no answers, and {ended}"
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

    def _watch(self, process: subprocess.Popen[bytes], answers: Path) -> bool:
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


def _check_options(declaration: Declaration, options: Sequence[str]) -> None:
    """Refuse what the authors' code would ignore, or does not have."""
    known = declaration.options
    for assignment in options:
        key, equals, _ = assignment.partition("=")
        if key in known and equals:
            continue
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; the nearest known one is '{near[0]}'" if near and key not in known else ""
        raise UserError(
            f"the system '{declaration.name}' has no option '{assignment}'{hint}; write "
            f"options=[KEY=VALUE], KEY one of {', '.join(known) or 'none'}"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
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


def _unanswered(batch: Sequence[Request], answers: Sequence[Answer], ended: str) -> list[Answer]:
    there = {a.id for a in answers}
    return [
        Answer(id=r.id, status="error", reason=f"no answer to this sample: {ended}")
        for r in batch
        if r.id not in there
    ]
