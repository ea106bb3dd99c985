"""The front door: what is refused and how, what is light, what a second run does."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT
from typer.testing import CliRunner

from benchmarks import cli


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


def test_every_command_has_help() -> None:
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    for command in ("train", "sample", "score", "study", "edit", "data"):
        assert command in result.output
