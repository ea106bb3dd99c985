"""What the doctor finds of a system, step by step, and what it says to do."""

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from helpers.stand_ins import stand_in
from typer.testing import CliRunner

from baselines import doctor
from baselines.catalogue import configured
from baselines.doctor import examine, examine_all
from baselines.environment import Gpu, gpu, runs_on
from baselines.evidence import on_disk
from baselines.external import declarations
from benchmarks import cli
from dreamtext.errors import UserError


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(doctor, "gpu", lambda: None)


def test_the_doctor_knows_every_system_and_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DREAMTEXT_BASELINES", str(tmp_path))
    found = {d.name: d for d in examine_all()}
    assert {*declarations(), "truth", "typeset", "sd2-inpainting", "released", "udifftext"} <= set(
        found
    )
    assert found["typeset"].ready
    for name in (*declarations(), "sd2-inpainting"):
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

    system = stand_in(tmp_path, "mostel")
    assert smoke_test(system).ok
    predict = tmp_path / "checkout" / "predict.py"
    copying = predict.read_text().replace("crop = np.zeros_like(crop)", "pass")
    copying = copying.replace("crop[..., 2] = 100", "pass")
    predict.write_text(copying.replace("  # OpenCV's order", ""))
    finding = smoke_test(system)
    assert not finding.ok
    assert "as it was" in finding.detail


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
    assert found["weights"]["mostel.pth"] == hashlib.sha256(b"weights").hexdigest()
    assert len(found["revision"]) == 40
    assert found["unpinned"] == ["mostel.pth", "arial.ttf", "revision"]
    findings = [f for f in doctor._needs(system, hashes=True) if "arial" not in f.detail]
    told = {f.what: f.detail for f in findings}
    assert f"{found['weights']['mostel.pth'][:12]}; unpinned" in told["weights"]
    assert (
        told["revision"] == f"{found['revision']} (unpinned: recorded with every run, not checked)"
    )


def with_versions(system, **installed):
    """The system, its interpreter telling other versions than those of this environment."""
    python = system.python
    python.write_text(f"#!/bin/sh\necho '{json.dumps(installed)}'\n")
    return system


PINNED = {"python": "3.7", "torch": "1.7.1+cu101", "mmcv": "1.6.0"}


def environment_of(system):
    return {f.what: f for f in doctor._environment(system)}


def test_versions_are_the_authors_pins_or_the_newest_that_their_code_runs_with(tmp_path):
    system = stand_in(tmp_path, "mostel")
    pinned = environment_of(with_versions(system, **PINNED))
    assert pinned["environment"].ok
    assert "as pinned" in pinned["environment"].detail
    newest = environment_of(with_versions(system, **PINNED | {"torch": "1.12.1"}))
    assert newest["environment"].ok
    assert "1.12.1 instead of the authors' 1.7.1" in newest["environment"].detail
    too_new = environment_of(with_versions(system, **PINNED | {"torch": "2.0.1"}))
    assert not too_new["environment"].ok
    assert "torch 2.0.1 instead of 1.7.1" in too_new["environment"].detail
    absent = environment_of(with_versions(system, **PINNED | {"mmcv": None}))
    assert "mmcv missing instead of 1.6.0" in absent["environment"].detail


def test_a_gpu_that_the_pinned_torch_does_not_know_is_said_to_be(tmp_path, monkeypatch):
    system = with_versions(stand_in(tmp_path, "diffste"), torch="1.13.1", python="3.8")
    assert environment_of(system)["GPU"].ok
    assert "shows no NVIDIA GPU" in environment_of(system)["GPU"].detail
    assert "torch 1.13.1 is built for GPUs up to" in environment_of(system)["GPU"].detail
    monkeypatch.setattr(doctor, "gpu", lambda: Gpu("NVIDIA H100", "9.0"))
    finding = environment_of(system)["GPU"]
    assert not finding.ok
    assert "NVIDIA H100 has compute capability 9.0" in finding.detail
    assert "torch 2.0.1+cu118 (read, not tried) up to 9.0" in finding.remedy
    assert not environment_of(with_versions(system, torch="2.0.1"))["GPU"].ok
    assert environment_of(with_versions(system, torch="2.0.1+cu118"))["GPU"].ok
    monkeypatch.setattr(doctor, "gpu", lambda: Gpu("NVIDIA L4", "8.9"))
    assert environment_of(with_versions(system, torch="1.13.1"))["GPU"].ok


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("NVIDIA H100 80GB HBM3, 9.0\nNVIDIA L4, 8.9", Gpu("NVIDIA H100 80GB HBM3", "9.0")),
        ("", None),
        ("No devices were found", None),
    ],
)
def test_the_machines_gpu_is_the_one_its_driver_names_first(tmp_path, monkeypatch, told, expected):
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\nprintf '{told}'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    gpu.cache_clear()
    assert gpu() == expected
    gpu.cache_clear()


@pytest.mark.parametrize(
    ("newest", "capability", "expected"),
    [("8.6", "8.9", True), ("8.6", "9.0", False), ("9.0", "12.0", False), ("8.6", "7.5", True)],
)
def test_kernels_run_on_no_later_major_version(newest, capability, expected):
    assert runs_on(newest, capability) is expected


def test_the_environment_is_kept_with_every_run(tmp_path):
    evidence = on_disk(with_versions(stand_in(tmp_path, "mostel"), **PINNED))
    assert evidence["environment"] == PINNED


def test_what_could_not_be_read_is_said(tmp_path):
    told = {name: [f.detail for f in examine(name).findings if f.what == "note"] for name in BOTH}
    assert any("could not be read" in note for note in told["anytext"])
    assert any("licence could not be read" in note for note in told["flux-text"])


BOTH = ("anytext", "flux-text")


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
