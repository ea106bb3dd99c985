"""Does a test fail when the code is wrong? A sample of mutants of the modules that numbers rest on,
each against that module's own tests (`make mutants`; not part of the suite).

    PYTHONPATH=. python tests/mutants.py --sample 200 --out results/mutants

Goes on where it was interrupted: a verdict stands as long as the function is the same and so is the
test that saw the mutant or, of a survivor, its module with all its tests. Mutants that nobody could
see are listed with reasons in `tests/equivalent_mutants.toml`; every other survivor counts.
"""

import argparse
import csv
import os
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from helpers.mutation import Group, Mutant, Verdict, digest, judge, mutated, same_examples, text_of
from helpers.paths import ROOT

_METRICS, _REPORT = "tests/benchmarks/metrics", "tests/benchmarks/report"
_TABLES = tuple(
    f"{_REPORT}/test_{name}.py"
    for name in ("tables", "contrasts", "gaps", "by_task", "computed", "published", "render")
)
_SLOW_TABLES = "latex_compiles or same_bytes"
GROUPS = (
    Group(("benchmarks.metrics.statistics",), (f"{_METRICS}/test_statistics.py",), "covers"),
    Group(("benchmarks.metrics.hierarchy",), (f"{_METRICS}/test_hierarchy.py",), "hold_the_truth"),
    Group(("dreamtext.objective.losses",), ("tests/dreamtext/objective/test_losses.py",)),
    Group(("dreamtext.objective.masks",), ("tests/dreamtext/objective/test_masks.py",)),
    Group(("benchmarks.runs.manifest",), ("tests/benchmarks/runs/test_manifest.py",)),
    Group(("benchmarks.metrics.overlap",), (f"{_METRICS}/test_overlap.py",), "torchmetrics"),
    Group(
        tuple(f"benchmarks.report.{n}" for n in ("record", "contrasts", "panels", "summary")),
        (*(f"{_REPORT}/test_{name}.py" for name in ("record", "summary")), *_TABLES),
        _SLOW_TABLES,
    ),
    Group(("benchmarks.report.computed",), (f"{_REPORT}/test_computed.py",)),
    Group(("benchmarks.report.tables",), _TABLES, _SLOW_TABLES),
    Group(("benchmarks.report.numbers",), (f"{_REPORT}/test_numbers.py",)),
    Group(("benchmarks.metrics.registry",), (f"{_METRICS}/test_registry.py",)),
)
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.toml"
SURVIVED, UNREACHED = "survived", "unreached"


class Row(NamedTuple):
    """A mutant and its verdict.

    Attributes:
        source: a hash of the function.
        by: the test that saw the mutant.
        tests: a hash of that test; of a survivor, of its module and all its tests.
    """

    function: str
    change: str
    source: str
    verdict: str
    by: str
    tests: str


def main() -> None:
    """Judge what is undecided of the sample, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=200, help="mutants, over all modules")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first so many")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "mutants")
    parser.add_argument("--only", default="", help="judge those of modules of this name alone")
    parser.add_argument("--fresh", action="store_true", help="forget what was decided before")
    given = parser.parse_args()
    os.chdir(ROOT)  # where mutmut finds its configuration
    every = {m: group for group in GROUPS for module in group.modules for m in mutated(module)[1]}
    order = sorted(every, key=lambda m: digest(m.function + m.change))
    sample = order[given.skip : given.skip + given.sample]
    file = given.out / "mutants.csv"
    standing = {} if given.fresh else {_key(row): row for row in read(file)}
    decided = {
        m: standing[_key(m)]
        for m in sample
        if _key(m) in standing and _stands(standing[_key(m)], every[m])
    }
    save(decided.values(), file)
    print(f"{len(decided)} of {len(sample)} mutants are decided, {len(every)} there are")

    shown = os.fdopen(os.dup(1), "w")  # a fork's own output goes elsewhere

    def keep(mutant: Mutant, verdict: Verdict) -> None:
        tests = text_of(verdict.by) or every[mutant].text()
        with file.open("a", newline="") as out:
            csv.writer(out).writerow(Row(*mutant[:3], *verdict, tests))
        print(f"{verdict.said:10}{mutant.function}  {verdict.by}", file=shown, flush=True)

    same_examples()
    for group in GROUPS:
        mine = [m for m in sample if every[m] == group and m not in decided]
        if mine := [m for m in mine if given.only in m.function]:
            judge(group, mine, keep)
    rows = read(file)
    save(rows, file)
    (given.out / "mutants.md").write_text(page(rows, len(sample), len(every)))


def read(file: Path) -> list[Row]:
    """Rows that were written whole."""
    if not file.exists():
        return []
    with file.open(newline="") as lines:
        return [Row(*line) for line in csv.reader(lines) if len(line) == len(Row._fields)][1:]


def save(rows: Iterable[Row], file: Path) -> None:
    """Write rows in order, in place of those there are."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with (beside := file.with_suffix(".part")).open("w", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([Row._fields, *sorted(rows)])
    beside.replace(file)


def _key(mutant: Mutant | Row) -> tuple[str, str, str]:
    return mutant.function, mutant.change, mutant.source


def _stands(row: Row, group: Group) -> bool:
    return row.tests == (text_of(row.by) or group.text())


def page(rows: list[Row], sampled: int, every: int) -> str:
    """The Markdown: the score by module, what the equivalent ones are, and every survivor."""
    listed = {
        (known["function"], known["change"].strip()): known["reason"].strip()
        for known in tomllib.loads(EQUIVALENT.read_text())["equivalent"]
    }
    alive = [row for row in rows if row.verdict in (SURVIVED, UNREACHED)]
    excused = {row: listed.get((row.function, changed(row.change)), "") for row in alive}
    excused = {row: reason for row, reason in excused.items() if reason}
    total, same, dead = (
        Counter(_module(row) for row in some)
        for some in (rows, excused, [row for row in rows if row not in alive])
    )
    counted = len(rows) - len(excused)
    undecided = f" {sampled - len(rows)} are undecided." if len(rows) < sampled else ""
    endless = sum(row.verdict == "timeout" for row in rows)
    lines = [
        "# Mutants of the modules that numbers rest on",
        "",
        f"{len(rows)} mutants, sampled of {every}, each against its module's own tests: "
        f"{len(excused)} change nothing that anybody could see, and of the other {counted} the "
        f"tests see {dead.total()} ({dead.total() / max(counted, 1):.1%}), {endless} of them by "
        f"never coming to an end.{undecided} Written by `make mutants`; `mutants.csv` says which "
        "test saw which mutant. Tests were written for survivors: it is the score of these "
        "mutants, not of all there are; `tests/mutants.py --skip` draws others.",
        "",
        "| module | mutants | equivalent | seen | |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {m} | {n} | {same[m]} | {dead[m]} | {dead[m] / max(n - same[m], 1):.0%} |"
            for m, n in sorted(total.items())
        ),
    ]
    for title, some in (
        ("Survivors", [row for row in alive if row not in excused]),
        ("Equivalent", excused),
    ):
        lines += ["", f"## {title}", *([] if some else ["", "None."])]
        for row in some:
            said = excused.get(row) or ("no test reaches it" if row.verdict == UNREACHED else "")
            lines += ["", f"`{row.function}`{said and f': {said}'}", "", "```diff"]
            lines += [changed(row.change), "```"]
    return "\n".join(lines) + "\n"


def changed(diff: str) -> str:
    """The lines taken out and put in, without where and without what all have in front."""
    return "\n".join(
        f"{line[0]} {line[1:].strip()}" for line in diff.split("\n") if line[:1] in ("-", "+")
    )


def _module(row: Row) -> str:
    return next(m for group in GROUPS for m in group.modules if row.function.startswith(f"{m}."))


if __name__ == "__main__":
    main()
