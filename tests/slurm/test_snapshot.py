"""Jobs run the code as it was at submission."""

import os
import subprocess
from pathlib import Path

import pytest

from slurm import snapshot
from slurm.errors import SlurmInputError


@pytest.fixture
def project(tmp_path) -> Path:
    folder = tmp_path / "project"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "a.py").write_text("A = 1\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / ".gitignore").write_text("runs/\n")
    (folder / "runs").mkdir()
    (folder / "runs" / "data").write_text("not code")
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def test_tracked_and_untracked_are_taken_ignored_and_deleted_are_not(project, tmp_path):
    (project / "new.py").write_text("B = 2\n")
    (project / "gone.py").write_text("")
    subprocess.run(["git", "add", "gone.py"], cwd=project, check=True)
    (project / "gone.py").unlink()
    copy = snapshot.take(project, tmp_path / "store")
    files = {str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_file()}
    assert files == {".gitignore", "new.py", "package/a.py", "run.sh", snapshot.ORIGIN}
    assert os.access(copy / "run.sh", os.X_OK)


def test_same_content_is_one_copy_and_a_change_is_another(project, tmp_path):
    first = snapshot.take(project, tmp_path / "store")
    assert snapshot.take(project, tmp_path / "store") == first
    (project / "package" / "a.py").write_text("A = 2\n")
    second = snapshot.take(project, tmp_path / "store")
    assert second != first
    assert (first / "package" / "a.py").read_text() == "A = 1\n"
    assert len(list((tmp_path / "store").iterdir())) == 2


def test_store_inside_the_project_is_not_copied_into_itself(project):
    (project / ".gitignore").write_text("")
    first = snapshot.take(project, project / "launch" / "snapshots")
    assert snapshot.take(project, project / "launch" / "snapshots") == first


def test_folder_without_git_is_named(tmp_path):
    with pytest.raises(SlurmInputError, match="not a git work tree"):
        snapshot.take(tmp_path, tmp_path / "store")


def test_data_among_the_code_is_named(project, tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot, "MAX_BYTES", 1000)
    (project / "weights.bin").write_bytes(b"0" * 5000)
    with pytest.raises(SlurmInputError, match=r"weights\.bin"):
        snapshot.take(project, tmp_path / "store")
    assert not (tmp_path / "store").exists()
