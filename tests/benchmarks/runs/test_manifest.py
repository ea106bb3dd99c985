"""Which samples and words a benchmark consists of."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers.paths import ROOT

from benchmarks.runs import manifest as manifests
from benchmarks.runs.manifest import Benchmark, draw, open_samples
from dreamtext.configs.presets import preset
from dreamtext.configs.sections import DataConfig, LabelConfig
from dreamtext.data.embedded.words import kind_of, word_split
from dreamtext.errors import UserError

CONFIG = DataConfig(train_size=40)


def test_reconstruction_and_editing_have_one_distribution_of_words() -> None:
    read, painted = (
        [e.word for e in draw(CONFIG, Benchmark(task=task)).entries]
        for task in ("reconstruction", "editing")
    )
    assert all(a != b for a, b in zip(read, painted, strict=True))
    for count in (kind_of, len, word_split):
        assert Counter(map(count, read)) == Counter(map(count, painted))
    assert Counter(map(kind_of, read)) == {"vocabulary": 144, "random": 144}
    assert len({w for w in painted if kind_of(w) == "vocabulary"}) > 130


def test_the_default_benchmark_holds_enough_of_everything() -> None:
    drawn = draw(CONFIG, Benchmark())
    assert all(0 <= e.noise_seed < 2**31 for e in drawn.entries)  # what every generator takes
    samples = open_samples(CONFIG, drawn)
    told = [samples[e.index].attributes for e in drawn.entries]
    assert Counter(a["font_seen"] for a in told) == {True: 144, False: 144}
    assert len({a["background"] for a in told}) >= 40
    assert len({a["source"] for a in told}) >= 20


@pytest.mark.parametrize("block", ["seen", "unseen", "script", "display"])
def test_a_block_of_fonts_holds_those_alone(block: str) -> None:
    drawn = draw(CONFIG, Benchmark(fonts=block))
    assert len(drawn.entries) == 288
    samples = open_samples(CONFIG, drawn)
    for entry in drawn.entries[:20]:
        attributes = samples[entry.index].attributes
        assert attributes["font_seen"] == (block == "seen")
        assert block in ("seen", "unseen") or attributes["font_style"] == block


def test_more_samples_of_a_block_than_there_are_are_refused() -> None:
    with pytest.raises(UserError, match=r"fonts 'display', but n = 2000"):
        draw(CONFIG, Benchmark(fonts="display", n=2000))
    with pytest.raises(UserError, match="does not tell its fonts"):
        manifests._samples(DataConfig(name="icdar13"), Benchmark(fonts="unseen"))


def test_labels_for_training_change_neither_manifest_nor_truth() -> None:
    wrong = replace(CONFIG, labels=LabelConfig(missing=1.0))
    drawn = draw(wrong, Benchmark(n=4))
    assert drawn == draw(CONFIG, Benchmark(n=4))
    for split in ("test", "train"):
        exact = open_samples(wrong, draw(wrong, Benchmark(n=4, split=split)))
        assert exact[0].characters.any(), split


def test_a_corruption_is_part_of_the_manifest_and_of_its_file(tmp_path) -> None:
    plain = draw(CONFIG, Benchmark(n=4))
    blurred = draw(CONFIG, Benchmark(n=4, corruption="blur", severity=0.5))
    assert blurred.entries == plain.entries
    assert len({blurred.hash, plain.hash, replace(blurred, severity=0.6).hash}) == 3
    blurred.write(tmp_path / "m.json")
    assert manifests.read(tmp_path / "m.json") == blurred
    one, other = (open_samples(CONFIG, m)[0] for m in (plain, blurred))
    assert not np.array_equal(one.image, other.image)
    assert one.word == other.word


GOLDEN = "b8904c5c3c86fb2d"


def golden() -> str:
    """The hash of a manifest without corruption."""
    return manifests.Manifest(
        dataset="icdar13",
        split="test",
        revision="0123",
        task="editing",
        entries=(manifests.Entry(3, "CAFE", 17),),
    ).hash


def test_manifests_made_before_there_were_corruptions_keep_their_hash() -> None:
    assert golden() == GOLDEN


def test_benchmarks_are_named_by_what_sets_them_apart() -> None:
    assert Benchmark().name == "reconstruction"
    harder = Benchmark(task="editing", fonts="script", corruption="low_resolution", severity=0.5)
    assert harder.name == "editing, script fonts, low resolution 0.5"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"severity": 0.5}, "needs a corruption"),
        ({"corruption": "blur"}, "^Benchmark: severity of a corruption is above 0, at most 1$"),
        ({"corruption": "blur", "severity": 2.0}, "at most 1"),
        ({"corruption": "fog", "severity": 1.0}, "clutter"),
        ({"fonts": "serif"}, "unseen"),
        ({"file": "m.json", "fonts": "seen"}, "frozen manifest"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Benchmark(**values)


def test_a_file_that_is_no_manifest_or_was_edited_is_refused_by_name(tmp_path) -> None:
    path = tmp_path / "m.json"
    with pytest.raises(UserError) as missing:
        manifests.read(path)
    assert str(missing.value) == f"there is no manifest {path}; write one with `data manifest`"
    for text in ("{", "{}", '{"hash": "1", "entries": [[1, "A"]]}'):
        path.write_text(text)
        with pytest.raises(UserError) as refused:
            manifests.read(path)
        assert str(refused.value).startswith(f"{path} is not a manifest (")
    draw(CONFIG, Benchmark(n=2)).write(path)
    known = manifests.read(path).hash
    path.write_text(path.read_text().replace('"reconstruction"', '"editing"'))
    with pytest.raises(UserError) as edited:
        manifests.read(path)
    assert str(edited.value).startswith(f"{path} was edited: its content has the hash ")
    assert f"it says {known}; write a new one with `data manifest`" in str(edited.value)


def test_a_frozen_manifest_is_drawn_as_it_is_and_of_its_own_data_set_alone(tmp_path) -> None:
    drawn = draw(CONFIG, Benchmark(n=4))
    drawn.write(tmp_path / "m.json")
    file = str(tmp_path / "m.json")
    assert draw(CONFIG, Benchmark(file=file)) == drawn
    with pytest.raises(UserError, match=r"m\.json is for embedded .*, but the run's data set is"):
        draw(replace(CONFIG, seed=CONFIG.seed + 1, height=64), Benchmark(file=file))


def test_a_word_of_the_list_is_never_painted_over_itself(monkeypatch) -> None:
    monkeypatch.setattr("dreamtext.data.embedded.words.words", lambda length: ["cafe", "tree"])
    config, rng = DataConfig(name="icdar13"), np.random.default_rng(0)
    painted = {
        manifests.other_word(config, Benchmark(task="editing"), "CAFE", rng) for _ in range(40)
    }
    assert painted == {"TREE"}


def test_a_data_set_of_pairs_alone_names_the_words_to_paint(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        "dreamtext.data.pairs.other_words", lambda *given: asked.append(given) or {3: "OPEN"}
    )
    pairs = DataConfig(name="scenepair")
    assert manifests._pairs(pairs, "test") == {3: "OPEN"}
    assert asked == [(pairs, "test")]
    assert manifests._pairs(DataConfig(name="icdar13"), "test") == {}
    assert manifests._pairs(CONFIG, "test") == {}


@pytest.mark.parametrize("task", ["reconstruction", "editing"])
def test_the_default_benchmark_is_the_one_that_kept_cells_were_scored_on(task: str) -> None:
    scores = pd.read_csv(ROOT / "results" / "supervision" / "scores.csv")
    (known,) = scores[scores.task == task].manifest.unique()
    assert draw(preset("tiny").data, Benchmark(task=task)).hash == known


def test_other_data_sets_are_painted_over_with_a_listed_word_of_the_same_length_and_case() -> None:
    config, rng = DataConfig(name="icdar13"), np.random.default_rng(0)
    for word in ("cafe", "HOTEL", "Taxi"):
        for _ in range(20):
            other = manifests.other_word(config, Benchmark(task="editing"), word, rng)
            assert len(other) == len(word)
            assert other.lower() != word.lower()
            assert (other.isupper(), other.istitle()) == (word.isupper(), word.istitle())
