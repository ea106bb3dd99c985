"""Painted words against their true pictures, and ScenePair through export, painting and scores."""

import json
import shutil

import numpy as np
import pytest
from helpers.scene_pairs import PAIRS, write_pairs
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.metrics import word_pictures
from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import default_metrics, score_samples
from benchmarks.study import Study, Variant
from benchmarks.study.identities import score_run, system_run
from benchmarks.study.study import EDITING
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.data.prepare import prepare
from dreamtext.errors import UserError

NAMES = [metric.name for metric in word_pictures.METRICS]


@pytest.fixture
def folder(tmp_path):
    """Two words against their true pictures: equal, and with noise inside the box; what lies
    outside differs in both."""
    rng = np.random.default_rng(0)
    path, lines = tmp_path / "samples", []
    for name in ("truth", "target", "raw"):
        (path / name).mkdir(parents=True)
    for i in range(2):
        target = rng.integers(0, 256, (40, 64, 3), dtype=np.uint8)
        raw = rng.integers(0, 256, target.shape, dtype=np.uint8)
        raw[8:32, 10:50] = target[8:32, 10:50]
        if i:
            raw[8:32, 10:50] //= 2
        for name, picture in (("truth", raw), ("target", target), ("raw", raw)):
            Image.fromarray(picture).save(path / name / f"{i}.png")
        line = {"id": str(i), "source_word": "A", "word": "B", "box": [10, 8, 50, 32]}
        lines.append(json.dumps(line) + "\n")
    (path / "samples.jsonl").write_text("".join(lines))
    return path


def test_equal_words_count_and_others_are_as_scikit_image_has_them(folder, tmp_path):
    found = {s.metric: s for s in score_samples(folder, NAMES, Options(cache=tmp_path))}
    for name, perfect in (("PSNR", 60), ("SSIM", 1), ("MSE", 0)):
        assert found[f"word-{name}/raw"].per_image["0"] == pytest.approx(perfect)
        assert found[f"word-{name}/raw"].n == 2
    raw, target = (
        np.asarray(Image.open(folder / name / "1.png"))[8:32, 10:50] for name in ("raw", "target")
    )
    values = {name: found[f"word-{name}/raw"].per_image["1"] for name in ("PSNR", "SSIM", "MSE")}
    assert values["PSNR"] == pytest.approx(peak_signal_noise_ratio(target, raw))
    assert values["MSE"] == pytest.approx(((raw / 255 - target / 255) ** 2).mean())
    same = structural_similarity(
        target, raw, channel_axis=2, gaussian_weights=True, use_sample_covariance=False
    )
    assert values["SSIM"] == pytest.approx(same, abs=0.01)  # its border is another


def test_without_true_pictures_there_is_a_reason(folder, tmp_path):
    shutil.rmtree(folder / "target")
    for score in score_samples(folder, NAMES, Options(cache=tmp_path)):
        assert score.value is None
        assert "no true pictures" in score.reason


def test_they_are_asked_of_pairs_alone():
    assert not set(NAMES) & set(default_metrics(Options()))
    assert set(NAMES) <= set(default_metrics(Options(data="scenepair")))
    assert "data" not in Options(data="scenepair").identity()


def data_of(root):
    return ("data.name=scenepair", f"data.root={root}", "data.height=56", "data.width=120")


def test_pairs_travel_through_an_export_and_what_comes_back_is_held_against_the_other_word(
    tmp_path, monkeypatch
):
    """By the commands: prepare, export, somebody else's copy of the true pictures, score."""
    monkeypatch.chdir(tmp_path)
    root = write_pairs(tmp_path / "ScenePair")

    def run(*words):
        return CliRunner().invoke(cli.app, list(words), catch_exceptions=False)

    run("data", "prepare", "scenepair", str(root))
    exported = ["benchmark", "export", "out", "--data", "scenepair", "--root", str(root)]
    run(*exported, "--n", "3", "data.height=56", "data.width=120")
    lines = [
        json.loads(text) for text in (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    ]
    assert {(li["source_word"], li["word"]) for li in lines} == set(PAIRS.values())
    (tmp_path / "mine").mkdir()
    for line in lines:
        shutil.copyfile(tmp_path / "out" / line["target"], tmp_path / "mine" / f"{line['id']}.png")
    shutil.rmtree(root)  # the export stands in for it
    run("benchmark", "score", "mine", "--manifest", "out", "--name", "Perfect")
    (score,) = (tmp_path / "runs").glob("score-*/scores.json")
    rows = {row["metric"]: row for row in json.loads(score.read_text())}
    assert rows["word-PSNR/raw"]["value"] == 60
    assert rows["word-SSIM/raw"]["value"] == pytest.approx(1)
    assert rows["word-SSIM/raw"]["details"] == {"against": "target"}
    assert rows["SeqAcc/raw"]["value"] == rows["SeqAcc/truth"]["value"] > 0
    assert rows["mIoU"]["value"] is None
    table = (tmp_path / "results/brought/perfect/table.md").read_text()
    assert "word-SSIM/raw" in table
    changed = tmp_path / "out" / lines[0]["target"]
    Image.new("RGB", (120, 56)).save(changed)
    with pytest.raises(UserError, match=r"targets/.* result"):
        CliRunner().invoke(
            cli.app,
            ["benchmark", "score", "mine", "--manifest", "out", "--name", "Perfect"],
            catch_exceptions=False,
            standalone_mode=False,
        )


def test_a_study_runs_on_pairs_and_other_data_sets_keep_their_scores(tmp_path):
    from benchmarks.launch.stages import execute

    root = write_pairs(tmp_path / "ScenePair")
    prepare("scenepair", root, progress=False)
    study = Study(
        name="pairs",
        question="?",
        variants=(Variant(name="typeset", system="typeset"),),
        reference="typeset",
        seeds=(0,),
        overrides=data_of(root),
        benchmarks=(EDITING,),
    ).narrowed(n=3)
    (cell,) = study.cells(tmp_path / "runs")
    for run in cell.runs:
        execute(run)
    rows = {row["metric"]: row["value"] for row in cell.score.scores()}
    assert 0 < rows["word-SSIM/raw"] < 1
    embedded = override(preset("tiny"), [])
    sample = system_run(embedded, EDITING, "truth", (), 0, tmp_path)
    assert not set(NAMES) & set(score_run(embedded, sample).identity["metrics"])
