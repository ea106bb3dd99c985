"""The front door: what is refused and how, what is light, what a second run does."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.paths import ROOT
from PIL import Image
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.samples.editing import edit_photograph, paint, parse_region
from dreamtext.errors import UserError


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


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


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


@pytest.mark.parametrize(
    ("region", "word", "words"),
    [
        ("10,10,500,20", "HI", "outside the image, which is 160 x 90"),
        ("10,10,0,20", "HI", "empty"),
        ("10,10,20", "HI", "four whole numbers"),
        ("10,10,60,20", "HELLO WORLD", "' '"),
        ("10,10,60,20", "ABCDEFGHIJKLM", "at most 12"),
        ("10,10,60,20", "CAFÉ", "'É'"),
    ],
)
def test_edit_refuses_bad_regions_and_words(
    region, word, words, photograph, monkeypatch, capsys, tmp_path
) -> None:
    out = tmp_path / "out.png"
    code, message = leaves(
        monkeypatch, capsys, "edit", photograph, "--region", region, "--word", word, "--out", out
    )
    assert code == 2
    assert words in message
    assert not out.exists()


def test_edit_without_a_model_says_what_to_do(photograph, monkeypatch, capsys, tmp_path) -> None:
    arguments = ("--region", "10,10,60,20", "--word", "HI", "--out", tmp_path / "o.png")
    code, message = leaves(
        monkeypatch, capsys, "edit", photograph, *arguments, "--model", tmp_path / "none"
    )
    assert code == 1
    assert "no trained model" in message


def test_the_model_that_comes_along_paints_words_one_can_read(tmp_path) -> None:
    from benchmarks.metrics.judges.catalogue import judge

    wall = np.linspace(20, 90, 320)[None, :, None] + np.zeros((200, 320, 3))
    photograph, out = tmp_path / "wall.png", tmp_path / "out.png"
    Image.fromarray(wall.astype(np.uint8)).save(photograph)
    crops, words = [], ("Harbour7", "BOAT", "Cafe", "lemons")
    for word in words:
        width = 24 * len(word)
        said = list(edit_photograph(photograph, f"40,60,{width},48", word, out))
        assert not any("remark" in line for line in said)
        crops.append(np.asarray(Image.open(out))[60:108, 40 : 40 + width])
    read = list(judge("PP-OCRv6-small", tmp_path / "judges").read(crops))
    assert sum(a.casefold() == b.casefold() for a, b in zip(read, words, strict=True)) >= 3, read


def test_painting_changes_nothing_outside_the_region() -> None:
    from helpers import small

    from dreamtext.networks.model import DreamText

    pixels = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    model = DreamText(small.config()).eval()
    for box in ((40, 30, 60, 20), (0, 0, 160, 90), (150, 80, 10, 10), (5, 0, 4, 90)):
        painted = paint(model, pixels, box, "HI", seed=0)
        x, y, w, h = box
        assert not np.array_equal(painted[y : y + h, x : x + w], pixels[y : y + h, x : x + w])
        painted[y : y + h, x : x + w] = pixels[y : y + h, x : x + w]
        assert np.array_equal(painted, pixels)


def test_a_region_is_four_whole_numbers_inside_the_image() -> None:
    assert parse_region("1,2,3,4", 10, 10) == (1, 2, 3, 4)
    with pytest.raises(UserError):
        parse_region("1.5,2,3,4", 10, 10)


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
