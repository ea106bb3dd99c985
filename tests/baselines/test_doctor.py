"""What the doctor finds of a system, step by step, and what it says to do."""

import hashlib
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from helpers.external_systems import BY_NAME, stand_in
from typer.testing import CliRunner

from baselines import doctor
from baselines.catalogue import configured
from baselines.doctor import examine, examine_all
from baselines.evidence import on_disk
from baselines.process import External, ProcessSettings
from benchmarks import cli
from dreamtext.errors import UserError


def test_the_doctor_knows_every_system_and_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DREAMTEXT_BASELINES", str(tmp_path))
    found = {d.name: d for d in examine_all()}
    assert {*BY_NAME, "truth", "typeset", "sd2-inpainting", "released", "udifftext"} <= set(found)
    assert found["typeset"].ready
    for name in (*BY_NAME, "sd2-inpainting"):
        assert not found[name].ready
        assert all(f.remedy for f in found[name].missing), name


def test_the_doctor_follows_an_installation_step_by_step(monkeypatch, tmp_path):
    home = tmp_path / "mostel"
    monkeypatch.setenv("DREAMTEXT_BASELINES", str(tmp_path))
    assert {f.what for f in examine("mostel").missing} == {"checkout", "weights", "environment"}
    stand_in(home, "mostel")
    assert {f.what for f in examine("mostel").missing} == {"environment"}
    found = examine("mostel", [f"python={sys.executable}"])
    (wrong,) = found.missing
    assert "instead of 3.7" in wrong.detail  # this environment is not the authors'
    assert "instead of 1.7.1" in wrong.detail


def test_the_doctor_checks_hashes_and_revisions(monkeypatch, tmp_path):
    system = stand_in(tmp_path, "mostel")
    weights = replace(system.capabilities.weights[0], sha256="0" * 64)
    system.capabilities = replace(system.capabilities, weights=(weights,))
    system.declaration = replace(system.declaration, revision="f" * 40)
    found = {f.what: f for f in doctor._needs(system)}
    assert "expected 000000000000" in found["weights"].detail
    assert not found["weights"].ok
    assert not found["revision"].ok
    assert "git checkout ffff" in found["revision"].remedy


def test_the_smoke_sample_finds_out_a_system_that_returns_its_input(tmp_path):
    from baselines.doctor import smoke_test

    assert smoke_test(stand_in(tmp_path, "mostel")).ok
    predict = tmp_path / "checkout" / "predict.py"
    copying = predict.read_text().replace(
        'Image.new("RGB", crop.size, (100, 0, 0)).save', "crop.save"
    )
    predict.write_text(copying)
    found = smoke_test(stand_in_again(tmp_path))
    assert not found.ok
    assert "as it was" in found.detail


def stand_in_again(tmp_path):
    paths = {what: str(tmp_path / what) for what in ("checkout", "weights")}
    return External(BY_NAME["mostel"], ProcessSettings(**paths, python=sys.executable))


def test_the_doctor_does_not_know_unknown_systems():
    with pytest.raises(UserError, match="nearest known one is 'mostel'"):
        examine("mostl")


def test_what_cannot_be_pinned_is_said_to_be_and_kept_as_found(tmp_path):
    system = stand_in(tmp_path, "mostel")
    assert on_disk(system)["revision"] == ""  # no git checkout
    checkout = tmp_path / "checkout"
    by = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (["init", "-q"], ["add", "."], [*by, "commit", "-qm", "as given"]):
        subprocess.run(["git", "-C", str(checkout), *command], check=True)
    (tmp_path / "weights" / "mostel.pth").write_bytes(b"weights")
    found = on_disk(system)
    assert found["weights"] == {"mostel.pth": hashlib.sha256(b"weights").hexdigest()}
    assert len(found["revision"]) == 40
    assert found["unpinned"] == ["mostel.pth", "revision"]
    told = {f.what: f.detail for f in doctor._needs(system, hashes=True)}
    assert f"{found['weights']['mostel.pth'][:12]}; unpinned" in told["weights"]
    assert (
        told["revision"] == f"{found['revision']} (unpinned: recorded with every run, not checked)"
    )


def test_a_reference_has_nothing_to_pin():
    assert on_disk(configured("typeset")) == {}
    assert examine("typeset").unpinned == ()


def test_the_front_doors_doctor_lists_every_system_and_what_is_unpinned(monkeypatch, tmp_path):
    monkeypatch.setenv("DREAMTEXT_BASELINES", str(tmp_path))
    told = CliRunner().invoke(cli.app, ["doctor"]).output
    entries = re.split(r"\n(?=\w)", told)  # what is said of an entry is indented
    said = {entry.split()[1]: entry for entry in entries if "(" in entry}
    for diagnosis in examine_all():
        assert diagnosis.name in said, diagnosis.name
        assert all(name in said[diagnosis.name] for name in diagnosis.unpinned)
        assert all(f.remedy in said[diagnosis.name] for f in diagnosis.missing)
    assert said["typeset"].startswith("ready")
    assert re.search("lacks: +checkout, weights, environment", said["anytext"])
    assert "ModelScope" in said["anytext"]
