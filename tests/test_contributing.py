"""CONTRIBUTING.md's changes, applied to a copy of the code as it is: each works as it stands."""

import re
import shutil
import subprocess
import sys

import pytest
from helpers.paths import ROOT

PACKAGES = ("dreamtext", "baselines", "benchmarks", "slurm")
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
DIFFS = {
    title.strip(): diff
    for title, diff in re.findall(r"^## A (.+?)$.*?^```diff\n(.*?)^```", TEXT, re.M | re.S)
}
WORKS = {
    "loss": """
import torch
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.objective.schedule import weights_at
from dreamtext.objective.step import TrainingStep
from helpers.noise_words import batch_of, build
config = override(preset("smoke"), ["objective.entropy_weight=0.1", "training.batch_size=4"])
from dreamtext.training.batches import draw_step
terms = TrainingStep(build(config))(batch_of(), draw_step(config, 0), weights_at(config, 0))
assert 0 < terms["entropy"] < 0.1 * torch.log(torch.tensor(128.0)), terms
""",
    "metric": """
from benchmarks.metrics.registry import registered
assert "contrast/raw" in registered()
""",
    "system": """
from baselines.catalogue import configured
from baselines.request import Request
from baselines.system import ask
from dreamtext.configs.presets import preset
from dreamtext.data import open_dataset
sample = open_dataset(preset("smoke").data, "test")[0]
(answer,) = ask(configured("mirrored", []), [Request.of(sample, sample.word, 0)])
assert answer.status == "ok" and not (answer.image == sample.image).all()
""",
    "data set": """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from dreamtext.data.prepare import prepare
root = Path(sys.argv[1])
Image.fromarray(np.full((128, 256, 3), 200, np.uint8)).save(root / "a.png")
(root / "words.csv").write_text(
    "image,split,text,left,top,right,bottom\\na.png,test,CAFE,55,40,170,90\\n")
assert prepare("table", root, root / "index", progress=False)["words"] == 1
""",
    "study": """
from benchmarks.study import load_study
assert [v.name for v in load_study("blur").variants] == ["none", "sigma 1", "sigma 2"]
""",
}


def test_every_page_has_a_change_and_every_change_is_tried():
    assert set(DIFFS) == set(WORKS)


@pytest.mark.parametrize("what", WORKS)
def test_the_change_applies_and_works(what, tmp_path):
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    patch = tmp_path / "change.diff"
    patch.write_text(DIFFS[what])
    applied = subprocess.run(
        ["git", "apply", "-p1", str(patch)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert applied.returncode == 0, applied.stderr
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT / 'tests')!r}]\n" + WORKS[what]
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    added = [line for line in DIFFS[what].splitlines() if line.startswith("+")]
    assert len(added) < 40
