"""Model cards: of a model just trained and scored, and of those that come along."""

import json
import shutil

import pytest
from helpers.paths import ROOT
from huggingface_hub import ModelCard

from benchmarks.exchange import cards, shipped
from benchmarks.runs.folder import MAKES
from dreamtext.errors import UserError

MODELS = sorted(p.parent for p in (ROOT / "results/models").glob("*/config.json"))
SCORED = [folder for folder in MODELS if (folder / "scores.json").is_file()]


@pytest.mark.parametrize("folder", MODELS, ids=lambda p: p.name)
def test_a_model_that_comes_along_has_the_card_of_its_files(folder):
    same = (folder / "README.md").read_text() == cards.card(folder)
    assert same, f"dreamtext benchmark card {folder}"


@pytest.mark.parametrize("folder", MODELS, ids=lambda p: p.name)
def test_hugging_face_reads_a_card_and_its_scores(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / folder.name)
    row = {"task": "editing", "split": "test", "manifest": "abc", "metric": "SeqAcc/raw"}
    row |= {"value": 0.75, "low": 0.7, "high": 0.8, "n": 288, "backbone": "judge"}
    (copy / "scores.json").write_text(json.dumps([row]))
    card = ModelCard.load(cards.write(copy))
    assert card.data.license == "apache-2.0"
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("SeqAcc/raw", 0.75)
    assert "0.750 [0.700, 0.800]" in card.text


def test_a_model_is_scored_where_its_run_is_gone_and_the_scores_are_made_again(tmp_path):
    """By the commands, on a few samples; a study's cells of the same manifest rank beside it."""
    from typer.testing import CliRunner

    from benchmarks import cli
    from benchmarks.exchange.standings import read

    folder = tmp_path / "results" / "models" / "tiny"
    shutil.copytree(ROOT / "results/models/tiny", folder)
    shutil.rmtree(folder / "cells", ignore_errors=True)
    command = ["benchmark", "model", str(folder), "--n", "8", "--task", "editing"]
    command += ["--runs", str(tmp_path / "runs")]
    CliRunner().invoke(cli.app, command, catch_exceptions=False)
    rows = json.loads((folder / "scores.json").read_text())
    by = {row["metric"]: row for row in rows}
    assert {row["task"] for row in rows} == {"editing"}
    assert by["SeqAcc/raw"]["n"] == 8
    assert {"mIoU", "glyph-similarity/raw", "SeqAcc/truth"} <= set(by)
    shutil.rmtree(tmp_path / "runs")
    assert shipped.rows(shipped.kept(folder)) == rows
    assert f"| editing | SeqAcc/raw | {by['SeqAcc/raw']['value']:.3f} [" in cards.card(folder)
    standing = {row.metric: row for row in read(tmp_path / "results")}
    assert standing["SeqAcc/raw"].system == "shipped tiny"
    assert "SeqAcc/truth" not in standing


@pytest.mark.parametrize("folder", SCORED, ids=lambda p: p.name)
def test_the_scores_that_come_along_are_those_of_the_kept_values(folder):
    """Of today's model: another file makes other runs."""
    cells = shipped.kept(folder)
    assert [cell.benchmark.name for cell in cells] == ["reconstruction", "editing"]
    made = json.loads(json.dumps(shipped.rows(cells)))
    said = f"dreamtext benchmark model {folder}"
    assert made == json.loads((folder / "scores.json").read_text()), said
    assert {c.train.name for c in cells} == {shipped.trained_run(folder, folder).name}, said


def test_an_exported_model_takes_the_scores_of_its_own_sampling(tmp_path):
    from dataclasses import replace

    from benchmarks.runs.manifest import Benchmark
    from benchmarks.study.identities import sample_run, score_run, train_run
    from dreamtext.configs.presets import preset
    from dreamtext.configs.schema import override
    from dreamtext.files import write_json

    config = preset("smoke")
    benchmark = Benchmark(task="editing", n=4)
    trained = train_run(config, tmp_path / "runs")
    other = train_run(replace(config, seed=1), tmp_path / "runs")
    for train, guidance in ((trained, None), (trained, 9), (other, None)):
        chosen = override(config, [f"sampling.guidance={guidance}"] if guidance else [])
        sampled = sample_run(chosen, benchmark, train)
        scored = score_run(chosen, sampled)
        for run in (train, sampled, scored):
            run.prepare()
            for name in MAKES[run.stage]:
                (run.folder / name).parent.mkdir(exist_ok=True)
                (run.folder / name).write_text("[]")
            write_json(run.folder / "DONE.json", {})
    (cell,) = shipped.of_training(trained)
    assert cell.train.name == trained.name
    assert cell.sample.settings["config"]["sampling"]["guidance"] == config.sampling.guidance


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="no exported model"):
        cards.card(tmp_path)
