"""Does a test fail when the code is wrong? A sample of mutants of the modules that numbers rest on,
each against that module's own tests (`make mutants`; not part of the suite).

    python tests/mutants.py --sample 200 --out results/mutants

Mutants are mutmut's. Each module is mutated in a copy of the repository with its own tests alone,
so that a mutant is killed by them or survives. Survivors are listed with their difference.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("baselines", "benchmarks", "dreamtext", "slurm")
_REPORT = "tests/benchmarks/report"
GROUPS = (  # modules, and their own tests
    (["benchmarks/metrics/statistics.py"], ["tests/benchmarks/metrics/test_statistics.py"]),
    (["benchmarks/metrics/hierarchy.py"], ["tests/benchmarks/metrics/test_hierarchy.py"]),
    (
        [
            f"benchmarks/report/{name}.py"
            for name in ("record", "panels", "summary", "contrasts", "tables")
        ],
        [f"{_REPORT}/test_record.py", f"{_REPORT}/test_tables.py"],
    ),
    (["benchmarks/runs/manifest.py"], ["tests/benchmarks/runs/test_manifest.py"]),
    (["benchmarks/metrics/overlap.py"], ["tests/benchmarks/metrics/test_overlap.py"]),
    (["benchmarks/metrics/registry.py"], ["tests/benchmarks/metrics/test_registry.py"]),
    (["dreamtext/objective/masks.py"], ["tests/dreamtext/objective/test_masks.py"]),
    (["dreamtext/objective/losses.py"], ["tests/dreamtext/objective/test_losses.py"]),
)
_NEEDED = (".py", ".toml", ".txt", ".in", ".csv", ".json")
_SURVIVED = {0: "survived", 33: "no test reaches it"}  # mutmut's exit codes; others are kills


def main() -> None:
    """Mutate, test and write `mutants.csv` and `mutants.md`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=200, help="mutants, over all modules")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "mutants")
    parser.add_argument("--only", default="", help="groups with a module of this name in theirs")
    given = parser.parse_args()
    chosen = [group for group in GROUPS if any(given.only in module for module in group[0])]
    with tempfile.TemporaryDirectory() as scratch:
        copies = [_copy(Path(scratch) / str(i), *group) for i, group in enumerate(chosen)]
        every = [(copy, name) for copy in copies for name in _generate(copy)]
        sample = random.Random(given.seed).sample(every, min(given.sample, len(every)))
        rows = []
        for copy in copies:
            names = sorted(name for of, name in sample if of == copy)
            for name, code in _test(copy, names):
                verdict = _SURVIVED.get(code, "killed")
                change = "" if verdict == "killed" else _mutmut(copy, "show", name)
                module = name.rpartition(".")[0].replace(".", "/") + ".py"
                rows.append((module, name, verdict, change))
                print(f"{verdict:20}{name}", flush=True)
            _write(rows, len(every), given.out)


def _copy(folder: Path, modules: list[str], tests: list[str]) -> Path:
    """The repository as it is committed or edited, set up to mutate a group of modules."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    files = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in files:
        if (
            name.endswith((".py", ".toml", ".txt", ".in", ".csv", ".json"))
            and (ROOT / name).exists()
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    lines = "\n    ".join
    (folder / "setup.cfg").write_text(
        "[mutmut]\n"
        f"source_paths=\n    {lines(PACKAGES)}\n"
        f"only_mutate=\n    {lines(modules)}\n"
        f"also_copy=\n    {lines(('baselines/environments', 'dreamtext', 'results', 'tests'))}\n"
        f"pytest_add_cli_args_test_selection=\n    {lines(tests)}\n"
        "pytest_add_cli_args=\n    -q\n    -p\n    no:cacheprovider\n    -m\n    not slow\n"
    )
    return folder


def _generate(copy: Path) -> list[str]:
    """Names of the mutants of a copy; also finds out which test reaches which function."""
    # Asked for mutants of no such name, mutmut makes all, runs the tests once, and stops.
    said = _mutmut(copy, "run", "--max-children", "1", "none*")
    if not (copy / "mutants" / "mutmut-stats.json").exists():
        raise SystemExit(f"mutmut could not start in {copy}:\n{said[-3000:]}")
    return list(_codes(copy))


def _test(copy: Path, names: list[str]) -> Iterator[tuple[str, int]]:
    stats = json.loads((copy / "mutants" / "mutmut-stats.json").read_text())
    reached = {name for name, tests in stats["tests_by_mangled_function_name"].items() if tests}
    tested = [name for name in names if name.rpartition("__mutmut_")[0] in reached]
    if tested:
        _mutmut(copy, "run", "--max-children", "1", *tested)
    codes = _codes(copy)
    for name in names:
        yield name, codes[name] if name in tested else 33


def _codes(copy: Path) -> dict[str, int]:
    found = {}
    for path in (copy / "mutants").rglob("*.py.meta"):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def _mutmut(copy: Path, *arguments: str) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": "", "CI": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.stdout + (done.stderr if done.returncode else "")


def _write(rows: list[tuple[str, str, str, str]], every: int, out: Path) -> None:
    import pandas as pd

    table = pd.DataFrame(rows, columns=["module", "mutant", "verdict", "change"])
    out.mkdir(parents=True, exist_ok=True)
    table.drop(columns="change").to_csv(out / "mutants.csv", index=False)
    killed = table.verdict.eq("killed")
    lines = [
        "# Mutants of the modules that numbers rest on",
        "",
        f"{killed.sum()} of {len(table)} sampled of {every} are killed by the module's own tests. "
        "Written by `make mutants`.",
        "",
        "| module | killed | of |",
        "| --- | --- | --- |",
        *(f"| {m} | {own.sum()} | {len(own)} |" for m, own in killed.groupby(table.module)),
        "",
        "## Survivors",
        "",
    ]
    for row in table[~killed].itertuples():
        lines += [f"`{row.mutant}` ({row.verdict})", "", "```diff", row.change.strip(), "```", ""]
    (out / "mutants.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
