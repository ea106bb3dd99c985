"""Imports point one way: dreamtext <- baselines <- benchmarks -> slurm."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT

ALLOWED = {
    "dreamtext": {"dreamtext"},
    "baselines": {"baselines", "dreamtext"},
    "benchmarks": {"benchmarks", "baselines", "dreamtext", "slurm"},
    "slurm": {"slurm"},
}


def imported_packages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_what_its_arrows_allow(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        ours = imported_packages(path) & set(ALLOWED)
        assert ours <= ALLOWED[package], f"{path} imports {ours - ALLOWED[package]}"


def test_slurm_knows_nothing_of_machine_learning() -> None:
    for path in (ROOT / "slurm").rglob("*.py"):
        assert not imported_packages(path) & {"torch", "diffusers", "accelerate", "numpy"}, path


@pytest.mark.parametrize(
    "module", ["benchmarks.cli", "benchmarks.study", "benchmarks.launch.local"]
)
def test_light_modules_import_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
