"""The front door: what is refused and how, what is light, what a second run does."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from typer.main import get_command
from typer.testing import CliRunner

from benchmarks import cli
from dreamtext.configs.presets import PRESETS


def dreamtext(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(cwd)},
    )


def leaves(monkeypatch: pytest.MonkeyPatch, capsys, *arguments: str) -> tuple[int, str]:
    """Exit code and message of the command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["dreamtext", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "training.step=3"), "training.steps"),
        (("train", "--preset", "huge"), "unknown preset 'huge'"),
        (("study", "run", "supervison"), "supervision"),
        (("study", "run", "supervision", "--where", "variant=nobody"), "no cell"),
        (("study", "run", "supervision", "--force", "everything"), "train, sample or score"),
        (("study", "run", "nowhere.py"), "no study file"),
        (
            ("edit", "nowhere.png", "--region", "0,0,9,9", "--word", "A", "--out", "o.png"),
            "nowhere",
        ),
    ],
)
def test_misuse_leaves_with_2_and_says_why(arguments, words, monkeypatch, capsys) -> None:
    code, message = leaves(monkeypatch, capsys, *arguments)
    assert code == 2
    assert words in message


def test_help_teaches_and_imports_no_torch() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom benchmarks.cli import app\n"
        "out = CliRunner().invoke(app, ['study', 'run', '--help']).output\n"
        "sys.exit(0 if 'workers' in out and 'torch' not in sys.modules else 1)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group below one, with the words that lead to it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)


COMMANDS = dict(commands(get_command(cli.app)))


def test_every_command_and_every_option_says_what_it_is() -> None:
    silent = [
        " ".join((*path, *([part.name] if part is not command else [])))
        for path, command in COMMANDS.items()
        for part in (command, *command.params)
        if not (part.help or "").strip()
    ]
    assert silent == []
    said = [command.help for command in COMMANDS.values()]
    assert len(said) == len(set(said)) > 40


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_shown_with_every_option_and_command_below(path: tuple[str, ...]) -> None:
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(cli.app, [*path, "--help"])
    assert shown.exit_code == 0
    words = set(shown.output.split())
    command = COMMANDS[path]
    assert set(command.help.split()[:5]) <= words
    flags = {flag for part in command.params for flag in part.opts if flag.startswith("--")}
    assert flags | set(getattr(command, "commands", {})) <= words | {
        flag for pair in words for flag in pair.split("/")
    }


def test_training_offers_every_preset_by_its_name() -> None:
    (option,) = [part for part in COMMANDS["train",].params if part.name == "preset"]
    assert set(re.findall(r"\w+", option.help)) >= set(PRESETS)
