"""The golden numbers of the tests, made again.

    PYTHONPATH=. python tests/goldens.py values             those in test files, as of today
    PYTHONPATH=. python tests/goldens.py parity             tests/data/parity, computed again
    PYTHONPATH=. python tests/goldens.py layout FILE OUT    a released file's names and shapes

A test file with a `GOLDEN` has a function `golden` beside it, which computes it and which its test
compares it with; `tests/data/README.md` says the same of the files.
"""

import argparse
import importlib.util
import json
import os
import pprint
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from helpers import parity
from helpers.paths import PARITY, RELEASED_MODEL, ROOT


def main() -> None:
    """Do what the first argument says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("values")
    commands.add_parser("parity")
    of_file = commands.add_parser("layout")
    of_file.add_argument("checkpoint", type=Path)
    of_file.add_argument("out", type=Path)
    given = parser.parse_args()
    if given.command == "layout":
        given.out.write_text(layout(given.checkpoint))
    elif given.command == "parity":
        for name, difference in differences().items():
            print(f"{name:60}{difference:.1e}")
    else:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["DREAMTEXT_CACHE"] = cache
            for path, module in modules():
                print(f"# {path.relative_to(ROOT)}\nGOLDEN = {pprint.pformat(module.golden())}\n")


def modules() -> Iterator[tuple[Path, ModuleType]]:
    """Every test file that has golden values."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if "\nGOLDEN" in path.read_text():
            spec = importlib.util.spec_from_file_location(f"golden_{path.stem}", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            yield path, module


def layout(checkpoint: Path) -> str:
    """A released checkpoint's names and shapes as JSON, as in `tests/data/released_layout`."""
    from dreamtext.weights.files import read_tensors, shapes_of

    return json.dumps({n: list(s) for n, s in shapes_of(read_tensors(checkpoint)).items()}) + "\n"


def differences() -> dict[str, float]:
    """The largest difference of each output in `tests/data/parity` to the second computation."""
    from safetensors.torch import load_file

    io, sizes = load_file(PARITY / "io.safetensors"), (PARITY / "config.json").read_text()
    given = {name: io[name] for name in parity.INPUTS}
    found = parity.outputs(load_file(RELEASED_MODEL), json.loads(sizes), given)
    assert found.keys() | given.keys() == io.keys()
    return {n: float((found[n].double() - io[n].double()).abs().max()) for n in found}


if __name__ == "__main__":
    main()
