"""What decides a training's signature: the content of the files it starts from, not their paths."""

import subprocess
import sys

import pytest
from helpers.paths import ROOT

from benchmarks.launch.stages import execute
from benchmarks.study.identities import train_run
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.errors import RunError, UserError

PARTS = ("unet", "autoencoder", "text", "glyph")


def named(tmp_path, part, file):
    return train_run(override(preset("smoke"), [f"model.{part}.weights={file}"]), tmp_path).name


@pytest.mark.parametrize("part", PARTS)
def test_weights_count_by_content(part, tmp_path):
    one, same, other = (tmp_path / name for name in ("one.ckpt", "same.ckpt", "other.ckpt"))
    one.write_bytes(b"weights")
    same.write_bytes(b"weights")
    other.write_bytes(b"others!")
    plain = train_run(preset("smoke"), tmp_path).name
    assert named(tmp_path, part, one) == named(tmp_path, part, same)
    assert len({plain, named(tmp_path, part, one), named(tmp_path, part, other)}) == 3
    one.write_bytes(b"changed")
    assert named(tmp_path, part, one) not in (plain, named(tmp_path, part, same))


def test_one_file_for_two_parts_tells_which_part_it_fills(tmp_path):
    file = tmp_path / "one.ckpt"
    file.write_bytes(b"weights")
    assert len({named(tmp_path, part, file) for part in PARTS}) == len(PARTS)


def test_a_missing_file_is_named_when_the_run_is_planned(tmp_path):
    with pytest.raises(UserError, match=r"model.unet.weights names '.*gone.ckpt'"):
        named(tmp_path, "unet", tmp_path / "gone.ckpt")


def test_a_file_changed_after_planning_is_refused(tmp_path):
    file = tmp_path / "one.ckpt"
    file.write_bytes(b"weights")
    run = train_run(override(preset("smoke"), [f"model.unet.weights={file}"]), tmp_path)
    run.prepare()
    file.write_bytes(b"another")
    with pytest.raises(RunError, match=r"unet file of .* has changed since"):
        execute(run)
    assert run.state == "failed"


def test_planning_imports_no_torch():
    code = "import sys, benchmarks.study.identities; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
