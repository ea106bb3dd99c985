"""Model cards: of a model just trained and scored, and of those that come along."""

import json
import shutil

import pytest
from helpers.paths import ROOT
from huggingface_hub import ModelCard

from benchmarks.exchange import cards
from dreamtext.errors import UserError

MODELS = sorted(p.parent for p in (ROOT / "results/models").glob("*/config.json"))


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
    kept = {"low": 0.2, "high": 0.8, "n": 4, "backbone": "judge", "version": 1}
    kept |= {"direction": "higher", "unit": "fraction", "metric": "SeqAcc/raw"}
    for value, train, guidance in ((0.5, trained, None), (0.6, trained, 9), (0.7, other, None)):
        chosen = override(config, [f"sampling.guidance={guidance}"] if guidance else [])
        sampled = sample_run(chosen, benchmark, train)
        scored = score_run(chosen, sampled)
        for run in (train, sampled, scored):
            write_json(run.prepare() / "DONE.json", {})
        write_json(scored.folder / "scores.json", [{**kept, "value": value, "details": {}}])
    assert cards.keep_scores(trained, tmp_path) == 1
    (row,) = json.loads((tmp_path / "scores.json").read_text())
    assert (row["task"], row["value"]) == ("editing", 0.5)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="no exported model"):
        cards.card(tmp_path)
