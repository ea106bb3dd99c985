"""The recipe of a container, as far as it can be looked at where there is no Apptainer: its parts,
what it copies, what it installs, and that each of its shell parts is one."""

import email
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from helpers.paths import ROOT
from packaging.specifiers import SpecifierSet

RECIPE = ROOT / "slurm" / "cluster" / "dreamtext.def"
SHELL = ("post", "environment", "test")


def parts() -> dict[str, list[str]]:
    """The header, as `""`, and every section: lines without comments."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in RECIPE.read_text().splitlines():
        if line.startswith("%"):
            name = line[1:].strip()
            assert name not in found, f"%{name} twice"
            found[name] = []
        elif line.strip() and not line.strip().startswith("#"):
            found[name].append(line.strip())
    return found


def installs(lines: list[str]) -> list[list[str]]:
    """What pip is told to install, line by line, without what says how loudly or where from."""
    silent = ("--quiet", "--no-cache-dir", "--editable")
    found = []
    for line in lines:
        if match := re.search(r"\bpip install (.*)", line):
            found.append([word for word in shlex.split(match[1]) if word not in silent])
    return found


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_its_sections_are_apptainers():
    found = parts()
    assert set(found) == {"", "files", *SHELL}
    header = dict(line.split(": ") for line in found[""])
    assert header.keys() == {"Bootstrap", "From"}
    assert header["Bootstrap"] == "docker"
    version = re.fullmatch(r"python:(\d+\.\d+)-slim-\w+", header["From"])
    assert version
    assert SpecifierSet(project()["requires-python"]).contains(version[1])


@pytest.mark.parametrize("name", SHELL)
def test_a_part_for_the_shell_is_shell(name):
    subprocess.run(["sh", "-n"], input="\n".join(parts()[name]), text=True, check=True)


def test_it_stops_at_the_first_error():
    assert parts()["post"][0] == "set -e"


def test_what_it_copies_is_there_and_can_be_installed(tmp_path):
    """pip builds a wheel from what is copied, with the requirements of ours."""
    for line in parts()["files"]:
        source, target = line.split()
        assert target.startswith("/opt/project/")
        there, copy = ROOT / source, tmp_path / Path(target).relative_to("/opt")
        copy.parent.mkdir(parents=True, exist_ok=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(there, copy, ignore=ignored) if there.is_dir() else shutil.copy(there, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(tmp_path), str(tmp_path / "project")]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        (name,) = (n for n in files.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(files.read(name))
    asked = [text for text in metadata.get_all("Requires-Dist") if "extra ==" not in text]
    assert asked == project()["dependencies"]


def test_it_installs_what_the_makefile_installs():
    """All but what only tests need."""
    makefile = installs((ROOT / "Makefile").read_text().splitlines())
    torch, own, judges, schemas = makefile
    assert own == [".[dev]"]
    assert "every-eval-ever" in schemas[-1]
    recipe = installs(parts()["post"])
    place = judges.index("--target") + 1
    assert judges[place] == "$(VENV)/share/judges"
    judges[place] = "$(python -c 'import sys; print(sys.prefix)')/share/judges"
    assert recipe == [torch, ["/opt/project"], judges]


def test_what_it_tests_at_the_end_holds_in_an_environment_of_that_kind():
    (line,) = parts()["test"]
    program, *words = shlex.split(line)
    assert program == "python"
    said = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
    torch = next(text for text in project()["dependencies"] if text.startswith("torch=="))
    assert said.stdout.strip().partition("+")[0] == torch.removeprefix("torch==")


def test_the_code_of_the_image_is_taken_away_again():
    lines = parts()["post"]
    assert lines.index("pip uninstall --yes dreamtext") > lines.index("pip check")
