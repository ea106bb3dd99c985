"""How the house stands: which way imports run, between packages, between groups, between files."""

import ast
import graphlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from helpers.paths import ROOT

ALLOWED = {
    "dreamtext": {"dreamtext"},
    "baselines": {"baselines", "dreamtext"},
    "benchmarks": {"benchmarks", "baselines", "dreamtext", "slurm"},
    "slurm": {"slurm"},
}
# Ground floor first: a group imports from lower floors only, never from its own.
FLOORS = {
    "dreamtext": (
        {"errors", "places"},
        {"devices", "files"},
        {"charset", "configs"},
        {"data"},
        {"networks"},
        {"objective", "weights"},
        {"sampling"},
        {"training"},
    ),
    "benchmarks": (
        {"runs"},
        {"samples"},
        {"metrics", "cells"},
        {"study", "mask_lab", "editing"},
        {"studies", "launch"},
        {"report"},
        {"exchange"},
        {"perf", "commands"},
        {"cli"},
    ),
}


@cache
def modules() -> dict[str, Path]:
    """Every module of the four packages by its dotted name."""
    found = {}
    for package in ALLOWED:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


@cache
def imported(name: str) -> frozenset[str]:
    """The modules of this project that a module imports, inside functions too; not itself."""
    found = set()
    for node in ast.walk(ast.parse(modules()[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole & set(modules()) or {node.module}
    return frozenset((found & set(modules())) - {name})


def external(path: Path) -> set[str]:
    """The first words of everything a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_what_its_arrows_allow(package: str) -> None:
    inside = [name for name in modules() if name.split(".")[0] == package]
    assert inside
    for name in inside:
        ours = external(modules()[name]) & set(ALLOWED)
        assert ours <= ALLOWED[package], f"{name} imports {ours - ALLOWED[package]}"


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_no_circle(package: str) -> None:
    graph = {name: imported(name) for name in modules() if name.split(".")[0] == package}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_groups_stand_on_lower_floors(package: str) -> None:
    floor = {group: number for number, groups in enumerate(FLOORS[package]) for group in groups}
    for name in modules():
        words = name.split(".")
        if words[0] != package or len(words) < 2:
            continue
        assert words[1] in floor, f"{name}: give its group a floor in this test"
        for other in imported(name):
            seen = other.split(".")
            if seen[0] == package and len(seen) > 1 and seen[1] != words[1]:
                assert floor[seen[1]] < floor[words[1]], f"{name} imports {other}"


def test_slurm_knows_nothing_of_machine_learning() -> None:
    for path in (ROOT / "slurm").rglob("*.py"):
        assert not external(path) & {"torch", "diffusers", "accelerate", "numpy"}, path


def test_every_folder_of_code_is_a_package() -> None:
    """Else a wheel would leave it out."""
    for path in modules().values():
        assert (path.parent / "__init__.py").exists() or path.parent.name == "runners", path.parent


@pytest.mark.parametrize(
    "module", ["benchmarks.cli", "benchmarks.study", "benchmarks.launch.local"]
)
def test_light_modules_import_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
