"""Every golden number has something that makes it again, and every golden file says what did."""

import json
import re

import goldens
from helpers.paths import DATA, RELEASED_MODEL


def test_every_golden_number_is_computed_by_a_function_beside_it() -> None:
    found = {path.name: module for path, module in goldens.modules()}
    assert {"test_losses.py", "test_sections.py", "test_world.py", "test_manifest.py"} <= set(found)
    for name, module in found.items():
        assert callable(getattr(module, "golden", None)), name


def test_every_golden_file_says_where_it_comes_from() -> None:
    told = set(re.findall(r"^\| `(.+?)`", (DATA / "README.md").read_text(), re.M))
    files = {str(path.relative_to(DATA)) for path in DATA.rglob("*.*")}
    assert told == files - {"README.md"}


def test_a_checkpoints_layout_is_its_names_and_shapes() -> None:
    listed = json.loads(goldens.layout(RELEASED_MODEL))
    assert listed["conditioner.embedders.0.label_embedding.weight"] == [95, 32]
    assert len(listed) == 408
