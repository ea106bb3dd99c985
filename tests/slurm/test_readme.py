"""The README's table of faults names what the tests inject, and nothing else."""

import re

from helpers.fault_grid import FATAL, SURVIVORS
from helpers.slurm_tasks import PROJECT


def test_table_of_faults_has_a_row_for_every_fault_of_the_grid():
    text = (PROJECT / "slurm" / "README.md").read_text(encoding="utf-8")
    table = text.split("| fault | kind administrator |")[1].split("\n\n")[0]
    named = re.findall(r"\(`([\w-]+)`\) \|", table)
    assert sorted(named) == sorted([*SURVIVORS, *FATAL, "child-of-exception"])


def test_tests_named_in_the_readme_are_there():
    text = (PROJECT / "slurm" / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:tests/)?[\w/]*test_\w+\.py)`", text):
        places = [PROJECT / name, PROJECT / "tests" / "slurm" / name]
        assert any(place.exists() for place in places), name
