"""The skeleton of a new wrapper runs as it is."""

import importlib.util
import re
import shutil

import pytest
from helpers.external_systems import OwnRunner, request
from helpers.paths import ROOT
from helpers.stand_ins import write_stand_in
from typer.testing import CliRunner

from baselines.skeleton import write_skeleton
from baselines.system import ask
from benchmarks import cli
from dreamtext.errors import UserError

FOLDERS = ("baselines/declared", "baselines/runners", "baselines/environments")


@pytest.fixture
def checkout(tmp_path):
    for folder in (*FOLDERS, "tests/helpers/stand_ins"):
        (tmp_path / "project" / folder).mkdir(parents=True)
    return tmp_path / "project"


def value_of(path, name):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def test_a_new_wrapper_runs_through_the_real_process(checkout, tmp_path):
    declared, runner, environment, standing = write_skeleton("my-system", checkout)
    assert environment.name == "my-system.txt"
    shutil.copy(ROOT / "baselines" / "runners" / "contract.py", runner.parent)
    system = value_of(declared, "SYSTEM")
    values = {field: getattr(system, field) for field in system.__dataclass_fields__}
    declaration = OwnRunner(**values, file=runner)
    external = write_stand_in(tmp_path, declaration, value_of(standing, "STAND_IN"))
    batch = [request(0), request(1)]
    answers = ask(external, batch)
    assert [(a.status, a.reason) for a in answers] == [("ok", "")] * 2
    assert [int(a.image[30, 40, 0]) for a in answers] == [r.seed for r in batch]


def test_it_passes_the_linter_as_it_is(checkout):
    for path in write_skeleton("my-system", checkout):
        assert all(len(line) <= 100 for line in path.read_text().splitlines())
        assert "NAME" not in path.read_text()


@pytest.mark.parametrize("name", ["My System", "../evil", "flux_text", "", "-x", "x" * 3 + "/y"])
def test_what_is_no_name_is_refused(checkout, name):
    with pytest.raises(UserError, match="no name of a system"):
        write_skeleton(name, checkout)


def test_a_system_that_is_there_is_left_alone(checkout):
    with pytest.raises(UserError, match="there is a system 'mostel'"):
        write_skeleton("mostel", checkout)
    kept = checkout / "baselines" / "environments" / "mine.txt"
    kept.write_text("mine")
    with pytest.raises(UserError, match="left as it is"):
        write_skeleton("mine", checkout)
    assert kept.read_text() == "mine"
    assert not list((checkout / "baselines" / "declared").iterdir())  # nothing half written


def test_the_command_names_what_it_wrote_and_wants_a_checkout(checkout, tmp_path):
    runner = CliRunner()
    told = runner.invoke(cli.app, ["baselines", "new", "mine", "--root", str(checkout)])
    assert told.exit_code == 0
    assert len(re.findall("^wrote ", told.output, re.M)) == 4
    refused = runner.invoke(cli.app, ["baselines", "new", "other", "--root", str(tmp_path)])
    assert isinstance(refused.exception, UserError)
    assert "no checkout" in str(refused.exception)
