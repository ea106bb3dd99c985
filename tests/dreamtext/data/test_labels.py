"""Labels made wrong on purpose: by how much, for whom, and the same again."""

from dataclasses import replace

import numpy as np
import pytest

from dreamtext.configs.schema import identity, override
from dreamtext.configs.sections import Config, DataConfig, LabelConfig
from dreamtext.data import open_dataset
from dreamtext.data.embedded.world import render
from dreamtext.data.labels import DegradedLabels, degraded
from dreamtext.data.sample import Dataset, Sample
from dreamtext.errors import UserError

CONFIG = DataConfig(train_size=60)


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMTEXT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def word() -> np.ndarray:
    """Four characters, rings of 4 x 6 pixels, two pixels apart."""
    characters = np.zeros((20, 40), np.uint8)
    for k in range(4):
        box = characters[8:14, 6 + 6 * k : 10 + 6 * k]
        box[:] = k + 1
        box[1:-1, 1:-1] = 0
    return characters


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_no_error_leaves_the_labels_alone() -> None:
    assert LabelConfig().exact
    assert np.array_equal(degraded(word(), LabelConfig(), rng()), word())


def test_boxes_hold_each_character_and_nothing_else() -> None:
    boxes = degraded(word(), LabelConfig(form="boxes"), rng())
    assert [(boxes == k).sum() for k in (1, 2, 3, 4)] == [24] * 4
    assert (boxes[8:14, 6:10] == 1).all()


def test_shifts_have_the_size_that_was_asked_for() -> None:
    config = LabelConfig(shift_x=0.5, shift_y=0.25)
    places = []
    for seed in range(400):
        found = degraded(word()[:, :16], config, rng(seed)) == 1  # far from other characters
        if found.any():
            ys, xs = np.nonzero(found)
            places.append((ys.mean(), xs.mean()))
    spread = np.std(places, axis=0)
    assert spread == pytest.approx((0.25 * 6, 0.5 * 4), rel=0.2)


def test_what_is_shifted_out_of_the_picture_is_lost() -> None:
    for seed in range(50):
        found = degraded(word(), LabelConfig(shift_x=20.0, shift_y=20.0), rng(seed))
        assert found.shape == word().shape
        assert set(np.unique(found)) <= set(range(5))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_missing_and_of_swapped_characters(share: float) -> None:
    missing = [degraded(word(), LabelConfig(missing=share), rng(s)) for s in range(400)]
    lost = [1 - (len(np.unique(m)) - 1) / 4 for m in missing]
    assert np.mean(lost) == pytest.approx(share, abs=0.04)
    swapped = [degraded(word(), LabelConfig(swapped=share), rng(s)) for s in range(400)]
    wrong = [np.mean([m[word() == k][0] != k for k in (1, 2, 3, 4)]) for m in swapped]
    assert np.mean(wrong) == pytest.approx(share, abs=0.04)
    assert all(((m > 0) == (word() > 0)).all() for m in swapped), "strokes stay where they are"


def test_only_training_sees_wrong_labels() -> None:
    config = replace(CONFIG, labels=LabelConfig(missing=1.0))
    train, exact = open_dataset(config, "train"), open_dataset(CONFIG, "train")
    assert not train[3].characters.any()
    assert np.array_equal(train[3].image, exact[3].image)
    assert train.revision == exact.revision
    for split in ("validation", "test"):
        assert open_dataset(config, split)[3].characters.any()


@pytest.mark.parametrize("drawn", ["sample", "visit"])
def test_errors_persist_or_are_drawn_anew_and_come_again_alike(drawn: str) -> None:
    config = LabelConfig(form="boxes", shift_x=0.5, shift_y=0.5, drawn=drawn)
    data = DegradedLabels(open_dataset(CONFIG, "train"), config)
    first, second = data.order(0, 0), data.order(0, 1)
    assert sorted(first) == list(range(60))
    assert sorted(second % 60) == list(range(60))
    again = DegradedLabels(open_dataset(CONFIG, "train"), config)
    same = []
    for index in range(10):
        visits = [data[index], data[index + 60]]
        assert visits[0].id == visits[1].id
        assert np.array_equal(visits[1].characters, again[index + 60].characters)
        same.append(np.array_equal(visits[0].characters, visits[1].characters))
    assert all(same) if drawn == "sample" else not any(same)


def test_samples_and_seeds_have_errors_of_their_own() -> None:
    class Twice(Dataset):
        """One sample, under two indices."""

        revision = "0"

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Sample:
            return render(CONFIG, "train", 0)

    one, other = (DegradedLabels(Twice(), LabelConfig(shift_x=0.5, seed=s)) for s in (0, 1))
    assert not np.array_equal(one[0].characters, one[1].characters)
    assert not np.array_equal(one[0].characters, other[0].characters)


def test_exact_labels_are_no_part_of_a_signature_and_wrong_ones_are() -> None:
    base = Config()
    assert "labels" not in identity(base)["data"]
    boxes = override(base, ["data.labels.form=boxes", "data.labels.shift_x=0.35"])
    assert identity(boxes)["data"]["labels"]["shift_x"] == 0.35
    with pytest.raises(UserError, match="share of characters"):
        override(base, ["data.labels.missing=1.5"])
    with pytest.raises(UserError, match="0 or more"):
        override(base, ["data.labels.shift_x=-1"])
