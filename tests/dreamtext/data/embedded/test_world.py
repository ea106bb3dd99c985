"""The embedded world: deterministic, split without overlap, with masks that are exact."""

import numpy as np
import pytest

from dreamtext.configs.sections import DataConfig
from dreamtext.data.embedded import fonts, photographs
from dreamtext.data.embedded import world as embedded
from dreamtext.data.embedded.world import EmbeddedWorld, render, word_split
from dreamtext.errors import UserError

CONFIG = DataConfig(train_size=40)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DREAMTEXT_CACHE", str(tmp_path / "cache"))


def test_a_sample_depends_on_seed_and_index_alone() -> None:
    one, two = (render(CONFIG, "train", 7)[0] for _ in range(2))
    assert one.word == two.word
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.characters, two.characters)
    other = render(CONFIG, "train", 8)[0]
    assert not np.array_equal(one.image, other.image)


def test_the_cache_holds_what_is_drawn() -> None:
    world = EmbeddedWorld(CONFIG, "train")
    sample, font = render(CONFIG, "train", 11)
    kept = world[11]
    assert len(world) == 40
    assert kept.word == sample.word
    assert np.array_equal(kept.image, sample.image)
    assert np.array_equal(kept.region, sample.region)
    assert world.font(11) == font


def test_splits_share_no_word_photograph_or_unseen_font() -> None:
    words = {
        split: {render(CONFIG, split, i)[0].word.lower() for i in range(60)}
        for split in embedded.SPLITS
    }
    assert not words["train"] & (words["test"] | words["validation"] | words["unseen_fonts"])
    assert not words["test"] & words["validation"]
    pictures = [set(p) for p in photographs.PHOTOGRAPHS.values()]
    assert sum(map(len, pictures)) == len(set.union(*pictures))
    trained = {f.family for f in fonts.TRAINING}
    assert not trained & {f.family for f in fonts.UNSEEN}
    assert {f.style for f in fonts.UNSEEN} == {"serif", "sans", "script", "display", "mono"}


def test_every_word_belongs_to_one_split_whatever_its_case() -> None:
    assert word_split("Hello") == word_split("HELLO")
    shares = [word_split(str(i)) for i in range(4000)]
    assert 0.77 < shares.count("train") / 4000 < 0.83


@pytest.mark.parametrize("font", [*fonts.TRAINING, *fonts.UNSEEN], ids=lambda f: f.name)
def test_every_font_opens_and_draws_each_letter_differently(font: fonts.Font) -> None:
    drawn = {c: fonts.glyph(font, c, 32)[0].tobytes() for c in "ABCDEFGHKMNPQRSTUVWXYZ0123456789"}
    assert len(set(drawn.values())) == len(drawn)


@pytest.mark.parametrize("split", embedded.SPLITS)
def test_masks_are_where_the_ink_is(split: str) -> None:
    for index in range(25):
        sample = render(CONFIG, split, index)[0]
        masks = sample.masks()
        assert masks.sum(axis=(1, 2)).astype(bool).tolist() == [True] * len(sample.word) + [
            False
        ] * (12 - len(sample.word))
        assert not (masks.any(axis=0) & ~sample.region).any(), "ink outside the region"
        columns = [np.nonzero(m)[1].mean() for m in masks[: len(sample.word)]]
        assert columns == sorted(columns), "characters stand in reading order"
        luminance = sample.image @ np.array([0.299, 0.587, 0.114])
        ink = masks.any(axis=0)
        around = sample.region & ~ink
        assert abs(luminance[ink].mean() - luminance[around].mean()) > 20, "text has contrast"


def test_words_have_the_configured_length_and_alphabet() -> None:
    config = DataConfig(
        width=128, alphabet="alphanumeric", min_word_length=1, max_word_length=8, fonts=0
    )
    words = [render(config, "train", i)[0].word for i in range(80)]
    assert {len(w) for w in words} == set(range(1, 9))
    assert all(w.isalnum() for w in words)
    assert any(w.islower() for w in words)
    assert any(w.isupper() for w in words)


def test_an_interrupted_cache_goes_on_and_ends_the_same(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("dreamtext.data.cache.CHUNK", 10)
    whole = EmbeddedWorld(CONFIG, "train")
    monkeypatch.setenv("DREAMTEXT_CACHE", str(tmp_path / "other"))
    drawn = []

    def failing(config: DataConfig, split: str, index: int):
        if index == 25 and len(drawn) < 26:
            raise KeyboardInterrupt
        drawn.append(index)
        return render(config, split, index)

    monkeypatch.setattr(embedded, "render", failing)
    with pytest.raises(KeyboardInterrupt):
        EmbeddedWorld(CONFIG, "train")
    drawn.append(-1)
    resumed = EmbeddedWorld(CONFIG, "train")
    assert drawn.count(5) == 1, "finished chunks are not drawn again"
    for index in (5, 25, 39):
        assert np.array_equal(resumed[index].image, whole[index].image)


def test_revision_follows_what_decides_the_pictures() -> None:
    base = embedded.revision(CONFIG, "train")
    assert embedded.revision(DataConfig(train_size=50), "train") == base
    assert embedded.revision(DataConfig(seed=1), "train") != base
    assert embedded.revision(CONFIG, "unseen_fonts") != base


def test_unknown_split_is_named() -> None:
    with pytest.raises(UserError, match="unknown split 'tests'"):
        render(CONFIG, "tests", 0)
