"""What a stranger installs: a wheel, away from the checkout, with the libraries there already."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from helpers.paths import ROOT
from PIL import Image

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
LIBRARIES = next(p for p in sys.path if p.endswith("site-packages"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The `dreamtext` command of a fresh environment with the wheel, which sees our libraries."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    checkout = folder / "checkout"  # a build leaves files in its folder
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*build, str(checkout)], check=True)
    (wheel,) = folder.glob("*.whl")
    home = folder / "environment"
    venv.create(home, with_pip=False)
    (site,) = home.glob("lib/python*/site-packages")
    # Behind the wheel's own folder: what a dependency's installation would bring.
    (site / "libraries.pth").write_text(f"{LIBRARIES}\n")
    target = [*pip, "--python", str(home / "bin" / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*target, "--force-reinstall", str(wheel)], check=True)
    return home / "bin" / "dreamtext"


def run(command: Path, folder: Path, *arguments: str) -> str:
    """What a program prints, run in a folder that is not the checkout."""
    done = subprocess.run(
        [command, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_the_wheel_that_runs(installed, tmp_path):
    code = "import benchmarks, dreamtext; print(benchmarks.__file__, dreamtext.__file__)"
    python = installed.with_name("python")
    found = run(python, tmp_path, "-c", code).split()
    assert found
    assert all(path.startswith(str(installed.parents[1])) for path in found)


def test_help_and_plan(installed, tmp_path):
    assert "edit" in run(installed, tmp_path, "--help")
    plan = run(installed, tmp_path, "study", "plan", "supervision", "--preset", "smoke")
    assert "train" in plan


def test_edit_paints_with_the_model_that_comes_along(installed, tmp_path):
    photograph = np.full((96, 160, 3), 200, np.uint8)
    Image.fromarray(photograph).save(tmp_path / "photo.png")
    region = ("--region", "20,30,120,40", "--word", "CAFE")
    run(installed, tmp_path, "edit", "photo.png", *region, "--out", "edited.png")
    edited = np.asarray(Image.open(tmp_path / "edited.png"))
    assert edited.shape == photograph.shape
    assert not np.array_equal(edited[30:70, 20:140], photograph[30:70, 20:140])
    assert np.array_equal(edited[:30], photograph[:30])
