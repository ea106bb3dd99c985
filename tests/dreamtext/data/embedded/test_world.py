"""The embedded world: deterministic, split without overlap, with masks that are exact."""

import cv2
import numpy as np
import pytest

from dreamtext.configs.sections import DataConfig, LabelConfig
from dreamtext.data.embedded import fonts, photographs
from dreamtext.data.embedded import world as embedded
from dreamtext.data.embedded.backgrounds import backgrounds
from dreamtext.data.embedded.scene import Letters
from dreamtext.data.embedded.world import EmbeddedWorld, render
from dreamtext.errors import UserError

CONFIG = DataConfig(train_size=40)
GOLDEN = (  # split, index, word, background, font, mean grey value
    ("train", 7, "DUSK", "stripes/3", "SourceSerifPro-Semibold", 162.95),
    ("train", 12, "VJAL", "gradient/3", "STIXGeneralBol", 116.45),
    ("validation", 5, "GOK", "rings/2", "DejaVuSerif-Bold", 142.21),
    ("test", 2, "VOTE", "gravel/2", "Caladea-Regular", 120.86),
    ("test", 9, "VNX", "gravel/3", "SourceSansPro-Bold", 106.67),
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DREAMTEXT_CACHE", str(tmp_path / "cache"))


def test_a_sample_depends_on_seed_and_index_alone() -> None:
    one, two = (render(CONFIG, "train", 7) for _ in range(2))
    assert one.word == two.word
    assert one.attributes == two.attributes
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.characters, two.characters)
    other = render(CONFIG, "train", 8)
    assert not np.array_equal(one.image, other.image)


def golden() -> tuple:
    samples = {key: render(CONFIG, *key) for key in (known[:2] for known in GOLDEN)}
    return tuple(
        (*key, s.word, s.attributes["background"], s.attributes["font"], round(s.image.mean(), 2))
        for key, s in samples.items()
    )


def test_the_pictures_are_those_of_this_version() -> None:
    """A picture that changes without a new VERSION would pass for the old one in every cache.

    Version 2: tiles and textures, unseen fonts and both kinds of words in the test split.
    """
    assert embedded.VERSION == 2
    assert embedded.revision(CONFIG, "train") == "3d149da7a0cd4020"
    assert embedded.revision(CONFIG, "test") == "b075eabd5aa2816e"
    for found, expected in zip(golden(), GOLDEN, strict=True):
        assert found[:-1] == expected[:-1]
        assert found[-1] == pytest.approx(expected[-1], abs=0.05)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_what_is_kept_is_what_is_drawn(split: str) -> None:
    world = EmbeddedWorld(CONFIG, split, 40)
    sample, kept = render(CONFIG, split, 11), world[11]
    assert len(world) == 40
    assert kept.id == sample.id
    assert kept.word == sample.word
    assert kept.attributes == sample.attributes
    for name in ("image", "region", "characters", "quad"):
        assert np.array_equal(getattr(kept, name), getattr(sample, name)), name
    with pytest.raises(IndexError):
        world[40]


def test_splits_share_no_word_generator_or_pixel_of_a_photograph() -> None:
    words = {
        split: {embedded.plan(CONFIG, split, i).word.lower() for i in range(200)}
        for split in embedded.SPLITS
    }
    assert not words["train"] & (words["test"] | words["validation"])
    assert not words["test"] & words["validation"]
    drawn = {split: backgrounds(split) for split in embedded.SPLITS}
    generators = [{b.source for b in drawn[s] if b.kind == "texture"} for s in drawn]
    assert sum(map(len, generators)) == len(set.union(*generators))
    everything = [b for split in drawn.values() for b in split if b.kind != "texture"]
    for file in {b.file for b in everything}:
        taken = np.zeros(photographs.photograph(*file).shape, int)
        for tile in (b for b in everything if b.file == file):
            x0, y0, x1, y1 = tile.box
            h, w = taken.shape[:2]
            taken[round(y0 * h) : round(y1 * h), round(x0 * w) : round(x1 * w)] += 1
        assert taken.max() == 1, f"two tiles of {file} overlap"


def test_the_test_split_has_many_independent_backgrounds() -> None:
    tiles = backgrounds("test")
    assert len({b.name for b in tiles}) == len(tiles) >= 40
    assert len({b.source for b in tiles}) >= 20
    small = [cv2.resize(np.ascontiguousarray(b.pixels()), (16, 16)).astype(float) for b in tiles]
    apart = [np.abs(a - b).mean() for k, a in enumerate(small) for b in small[:k]]
    assert min(apart) > 0.5, "two of them are one picture"
    first = [embedded.plan(CONFIG, "test", i).background.name for i in range(len(tiles))]
    assert sorted(first) == sorted(b.name for b in tiles)


def test_any_four_test_samples_have_each_kind_of_word_in_seen_and_unseen_fonts() -> None:
    for start in (0, 40, 1000):
        four = [embedded.plan(CONFIG, "test", start + k).attributes(CONFIG) for k in range(4)]
        kinds = {(a["font_seen"], a["word_kind"]) for a in four}
        assert len(kinds) == 4
    trained = {f.family for f in fonts.TRAINING}
    assert not trained & {f.family for f in fonts.UNSEEN}
    styles = [
        plan.font.style
        for plan in (embedded.plan(CONFIG, "test", i) for i in range(400))
        if not plan.attributes(CONFIG)["font_seen"]
    ]
    for style in ("serif", "sans", "script", "display", "mono"):
        assert styles.count(style) > 20, style


def test_each_seed_is_a_world_of_its_own() -> None:
    plans = [[embedded.plan(DataConfig(seed=s), "test", i) for i in range(8)] for s in (0, 1)]
    for what in ("word", "background"):
        one, other = ([getattr(p, what) for p in world] for world in plans)
        assert one != other, what


def test_fonts_without_small_letters_show_capitals_alone() -> None:
    config = DataConfig(alphabet="alphanumeric", min_word_length=4, max_word_length=6)
    plans = [embedded.plan(config, "test", i) for i in range(400)]
    unicase = [p.word for p in plans if p.font.unicase]
    assert len(unicase) > 10
    assert all(word == word.upper() for word in unicase)
    assert any(p.word.islower() for p in plans if not p.font.unicase)
    assert {f.family for f in (*fonts.TRAINING, *fonts.UNSEEN) if f.unicase} == {"Amatic SC"}


def test_another_word_is_centred_on_the_same_base_line_and_fits() -> None:
    font = fonts.TRAINING[0]
    wide, narrow, tall = (Letters.of(w, font, 64, 0.0) for w in ("MMMM", "II", "gj"))
    quad = np.array([[10, 10], [90, 10], [90, 30], [10, 30]], np.float32)
    placed = wide.fitted(quad, narrow)
    assert placed[:, 0].mean() == pytest.approx(50, abs=0.1)
    shares = np.array(narrow.size) / wide.size
    assert placed[2] - placed[0] == pytest.approx(shares * (80, 20), rel=0.01)
    for letters, other in ((narrow, wide), (wide, tall), (narrow, tall), (tall, wide)):
        inside = letters.fitted(quad, other)
        assert (inside >= quad.min(axis=0) - 0.01).all()
        assert (inside <= quad.max(axis=0) + 0.01).all()
        across, down = (inside[2] - inside[0]) / other.size / ((80, 20) / np.array(letters.size))
        assert 0.74 < across / down < 1.35, "hardly stretched"


def test_test_samples_are_the_same_whatever_fonts_were_trained_on() -> None:
    few = DataConfig(train_size=40, fonts=2)
    assert embedded.revision(few, "test") == embedded.revision(CONFIG, "test")
    assert embedded.revision(few, "train") != embedded.revision(CONFIG, "train")
    told = []
    for index in range(24):
        one, two = render(few, "test", index), render(CONFIG, "test", index)
        assert np.array_equal(one.image, two.image)
        told.append((one.attributes["font_seen"], two.attributes["font_seen"]))
    assert (False, True) in told, "which of them were seen is told for each training"
    assert (True, False) not in told


@pytest.mark.parametrize("font", [*fonts.TRAINING, *fonts.UNSEEN], ids=lambda f: f.name)
def test_every_font_opens_and_draws_each_letter_differently(font: fonts.Font) -> None:
    drawn = {c: fonts.glyph(font, c, 32)[0].tobytes() for c in "ABCDEFGHKMNPQRSTUVWXYZ0123456789"}
    assert len(set(drawn.values())) == len(drawn)


@pytest.mark.parametrize("word", ["", "IIII", "WWWW", "Qgj"])
@pytest.mark.parametrize("split", embedded.SPLITS)
def test_masks_are_where_the_ink_is(split: str, word: str) -> None:
    for index in range(25):
        sample = render(CONFIG, split, index, word=word)
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


def test_another_word_stands_in_the_same_place_in_the_same_paint() -> None:
    world = EmbeddedWorld(CONFIG, "test", 30)
    for index in range(30):
        sample = world[index]
        same, other = world.target(index, sample.word), world.target(index, "JAM")
        assert np.array_equal(same.image, sample.image), "its own word gives the picture itself"
        assert np.array_equal(same.characters, sample.characters)
        assert other.word == "JAM"
        assert np.array_equal(other.region, sample.region)
        assert other.attributes["font"] == sample.attributes["font"]
        outside = ~sample.region
        assert np.array_equal(other.image[outside], sample.image[outside])
        colours = [s.image[s.characters > 0].mean(axis=0) for s in (sample, other)]
        assert np.abs(colours[0] - colours[1]).max() < 60


def test_rotation_turns_the_word_and_keeps_it_inside() -> None:
    turns = []
    for index in range(20):
        straight, turned = (render(CONFIG, "test", index, rotation_deg=d) for d in (0.0, 20.0))
        assert turned.word == straight.word
        assert (turned.quad >= 0).all()
        assert (turned.quad <= (CONFIG.width, CONFIG.height)).all()
        top = [s.quad[1] - s.quad[0] for s in (straight, turned)]
        angles = np.rad2deg([np.arctan2(y, x) for x, y in top])
        turns.append(angles[1] - angles[0])
    assert np.abs(turns) == pytest.approx(20, abs=6)
    assert min(turns) < 0 < max(turns), "either way"


def test_words_have_the_configured_length_and_alphabet() -> None:
    config = DataConfig(
        width=128, alphabet="alphanumeric", min_word_length=1, max_word_length=8, fonts=0
    )
    words = [render(config, "train", i).word for i in range(80)]
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
    assert embedded.revision(DataConfig(labels=LabelConfig(missing=0.5)), "train") == base
    assert embedded.revision(CONFIG, "test") != base


def test_unknown_split_is_named() -> None:
    with pytest.raises(UserError, match="unknown split 'tests'"):
        render(CONFIG, "tests", 0)
