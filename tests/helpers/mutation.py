"""Mutants of a module, made by mutmut, and whether tests notice them, each in a forked process.

A module with all its mutants is imported in place of the real one, so nothing is copied. Tests are
imported once; every mutant is then a fork in which those that reach its function run, quick ones
first, until one fails. A function that is called while modules are imported is mutated before that,
in a fork that has not imported them yet.
"""

import ast
import difflib
import hashlib
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any, NamedTuple

from helpers.forks import Ended, in_fork
from helpers.paths import ROOT

from dreamtext.files import write_json

CACHE = ROOT / ".cache" / "mutants"
_OPTIONS = (  # no plugin but those that the tests need
    *("-o", "addopts=", "--import-mode=importlib", "-p", "_hypothesis_pytestplugin"),
    *("-p", "no:cacheprovider", "-s", "-m", "not slow"),
)


class Mutant(NamedTuple):
    """One change of one function.

    Attributes:
        function: dotted, with its module.
        change: the lines taken out and put in, as in a unified diff of the function.
        source: a hash of the function as it is.
        name: what mutmut calls it in the module as it is.
    """

    function: str
    change: str
    source: str
    name: str


class Verdict(NamedTuple):
    """Whether a mutant is killed, timeout, survived or unreached, and the test that saw it."""

    said: str
    by: str


@dataclass(frozen=True)
class Group:
    """Modules by dotted name, and the test files that are theirs.

    Attributes:
        without: tests that take too long for every mutant, by pytest's `-k`: a mutant that only
            they would see survives.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    without: str = ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What pytest is given."""
        return (*self.tests, *(("-k", f"not ({self.without})") if self.without else ()))

    def text(self) -> str:
        """A hash of what a survivor has survived: its modules with all of their tests."""
        files = [*map(_file, self.modules), *(ROOT / test for test in self.tests)]
        return digest("".join(path.read_text() for path in files))


def digest(text: str) -> str:
    """Twelve digits that tell texts apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def text_of(test: str) -> str:
    """A hash of one test's text, by its pytest name; of none where there is no such test."""
    file, _, name = test.partition("::")
    path = ROOT / file
    if not path.is_file() or not name:
        return ""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name == name.partition("[")[0]:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return digest("\n".join(text.splitlines()[first - 1 : node.end_lineno]))
    return ""


@cache
def mutated(module: str) -> tuple[str, list[Mutant]]:
    """A module's code with all its mutants in it, and the list of them; made once a text."""
    text = _file(module).read_text()
    kept = CACHE / f"{digest(module + text)}.json"
    if not kept.exists():
        write_json(kept, _mutate(module, text))
    code, mutants = json.loads(kept.read_text())
    return code, [Mutant(*mutant) for mutant in mutants]


def _mutate(module: str, text: str) -> tuple[str, list[Mutant]]:
    from mutmut.mutation.file_mutation import mutate_file_contents

    made = mutate_file_contents(str(_file(module)), text)
    lines, spans = made.code.splitlines(), made.line_span_by_function_name

    def body(name: str, own: str) -> list[str]:
        span = spans[name]
        return [line.replace(name, own) for line in lines[span.start - 1 : span.end]]

    found = []
    for name in made.mutant_names:
        mangled = name.rpartition("__mutmut_")[0]
        own = mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
        before, after = body(f"{mangled}__mutmut_orig", own), body(name, own)
        change = "\n".join(list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:])
        source = digest("\n".join(before))
        found.append(Mutant(f"{module}.{own}", change, source, f"{module}.{name}"))
    return made.code, found


def same_examples() -> None:
    """Have hypothesis draw the same examples for every mutant, and keep none."""
    from hypothesis import Phase, settings

    profile = settings(derandomize=True, database=None, deadline=None)
    settings.register_profile("mutants", profile, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")


def judge(group: Group, mutants: Sequence[Mutant], tell: Callable[[Mutant, Verdict], None]) -> None:
    """Tell each mutant's verdict by the group's own tests as soon as it is known; from forks, so
    `tell` must keep it in a file.

    Raises:
        RuntimeError: the tests fail without a mutant.
    """
    codes = {module: mutated(module)[0] for module in group.modules}

    def whole(items: list[Any]) -> dict[str, Any]:
        imported = set(_HITS)
        clean = in_fork(lambda: _clean_run(items))
        if not clean.result or clean.result["failed"]:
            return {"broken": clean.result, "log": clean.log}
        known = clean.result["tests"]
        for mutant in mutants:
            if _reached(mutant.name) not in imported:
                tell(mutant, _verdict(mutant, items, known))
        order = sorted(known, key=lambda test: known[test][0])
        return {"order": order, "imported": [m for m in mutants if _reached(m.name) in imported]}

    ended = in_fork(lambda: _collected(codes, group.arguments, "stats", whole))
    done = ended.result
    if not isinstance(done, dict) or "broken" in done:
        raise RuntimeError(f"the tests of {group.modules} fail without a mutant: {ended}")
    for mutant in map(Mutant._make, done["imported"]):
        one = in_fork(lambda m=mutant: _collected(codes, done["order"], m.name, _first_failure))
        tell(mutant, _told(one, one.result))


def _verdict(mutant: Mutant, items: list[Any], known: dict[str, Any]) -> Verdict:
    """Of a mutant in a fork, by the tests that reach its function."""
    place = _reached(mutant.name)
    own = sorted(
        (item for item in items if place in known[item.nodeid][1]),
        key=lambda item: known[item.nodeid][0],
    )
    if not own:
        return Verdict("unreached", "")

    def run() -> str:
        set_mutant(mutant.name)
        return _first_failure(own)

    cpu_s = 3 + 3 * sum(known[item.nodeid][0] for item in own)
    ended = in_fork(run, cpu_s=cpu_s)
    return _told(ended, ended.result)


def _told(ended: Ended, failed: Any) -> Verdict:
    if ended.signal in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL):
        return Verdict("timeout", "")
    if ended.signal or failed is None:
        return Verdict("killed", "the process ended")
    return Verdict("killed", failed) if failed else Verdict("survived", "")


def _collected(
    codes: dict[str, str], tests: Sequence[str], mutant: str, then: Callable[[list[Any]], Any]
) -> Any:
    """What `then` makes of the collected tests, with mutated modules imported in place of the real
    ones, and a mutant chosen before that."""
    import pytest

    set_mutant(mutant)
    sys.meta_path.insert(0, _Finder(codes))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    loop = _Loop(then)
    code = pytest.main([*_OPTIONS, *tests], plugins=[loop])
    return loop.result if loop.result is not None else f"no test could be imported ({code})"


class _Loop:
    """Takes the place of pytest's loop over the tests it has collected."""

    def __init__(self, then: Callable[[list[Any]], Any]):
        self.then, self.result = then, None

    def pytest_runtestloop(self, session: Any) -> bool:
        if not session.testsfailed:
            self.result = self.then(session.items)
        return True


class _Watch:
    """Sees the first test that fails."""

    failed = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


def _each(items: list[Any]) -> Iterator[tuple[Any, _Watch]]:
    watch = _Watch()
    items[0].config.pluginmanager.register(watch)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        yield item, watch


def _first_failure(items: list[Any]) -> str:
    """Run tests until one fails; its name, or ""."""
    return next((watch.failed for _, watch in _each(items) if watch.failed), "")


def _clean_run(items: list[Any]) -> dict[str, Any]:
    """Of each test, how long it computes and which functions it reaches."""
    known = {}
    started = time.process_time()
    _HITS.clear()
    for item, watch in _each(items):
        known[item.nodeid] = (time.process_time() - started, sorted(_HITS))
        started = time.process_time()
        _HITS.clear()
        if watch.failed:
            return {"failed": watch.failed}
    return {"failed": "", "tests": known}


def set_mutant(name: str) -> None:
    """Choose a mutant; with "stats" none, but which functions are called is noted."""
    from mutmut.mutation import trampoline

    trampoline.record_trampoline_hit = lambda place, caller=None: _HITS.add(place)
    trampoline.set_mutant_under_test(name)


_HITS: set[str] = set()


def _reached(mutant: str) -> str:
    """What a mutant's function is noted by."""
    return mutant.rpartition("__mutmut_")[0]


def _file(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


class _Finder(importlib.abc.MetaPathFinder):
    """Imports mutated modules in place of the real ones."""

    def __init__(self, codes: dict[str, str]):
        self.codes = codes

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self.codes:
            return None
        loader = _Loader(name, str(_file(name)))
        loader.code = self.codes[name]
        return importlib.util.spec_from_file_location(name, _file(name), loader=loader)


class _Loader(SourceFileLoader):
    code = ""

    def get_code(self, fullname: str) -> Any:
        return compile(self.code, self.path, "exec", dont_inherit=True)
