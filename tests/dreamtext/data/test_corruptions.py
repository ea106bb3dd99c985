"""Test pictures made harder: more with severity, the same again, the truth with them."""

import numpy as np
import pytest

from dreamtext.configs.sections import DataConfig
from dreamtext.data.corruptions import CORRUPTIONS, corrupted
from dreamtext.data.embedded.world import EmbeddedWorld
from dreamtext.data.sample import Dataset
from dreamtext.errors import UserError

WORLD = EmbeddedWorld(DataConfig(), "test", 12)
REAL = CORRUPTIONS[1:]


def _distance(corruption: str, severity: float) -> float:
    harder = corrupted(WORLD, corruption, severity)
    pairs = [(WORLD[i].image.astype(int), harder[i].image.astype(int)) for i in range(12)]
    return float(np.mean([np.abs(a - b).mean() for a, b in pairs]))


def test_none_is_the_data_set_itself() -> None:
    assert corrupted(WORLD, "none", 0.0) is WORLD


@pytest.mark.parametrize("corruption", REAL)
def test_pictures_change_more_with_severity_and_the_same_way_again(corruption: str) -> None:
    assert 0 < _distance(corruption, 0.25) < _distance(corruption, 1.0)
    one, two = (corrupted(WORLD, corruption, 0.5) for _ in range(2))
    assert len(one) == len(WORLD)
    for index in range(4):
        assert np.array_equal(one[index].image, two[index].image)
        assert one[index].word == WORLD[index].word
        assert one[index].attributes == WORLD[index].attributes
        assert one[index].characters.any()


@pytest.mark.parametrize("corruption", REAL)
def test_the_truth_of_editing_is_corrupted_alike(corruption: str) -> None:
    harder = corrupted(WORLD, corruption, 0.5)
    for index in range(6):
        sample, target = harder[index], harder.target(index, WORLD[index].word)
        assert np.array_equal(sample.image, target.image)
        other = harder.target(index, "ZOO")
        assert other.word == "ZOO"
        assert np.array_equal(other.region, sample.region)


def test_a_bar_hides_the_characters_behind_it() -> None:
    harder = corrupted(WORLD, "occlusion", 1.0)
    lost = [(WORLD[i].characters > 0).sum() - (harder[i].characters > 0).sum() for i in range(12)]
    assert min(lost) >= 0
    assert np.mean(lost) > 20


def test_clutter_stays_behind_the_text() -> None:
    for index in range(6):
        sample, harder = WORLD[index], corrupted(WORLD, "clutter", 1.0)[index]
        text = sample.characters > 0
        assert np.array_equal(sample.image[text], harder.image[text])
        assert not np.array_equal(sample.image, harder.image)


def test_rotation_of_pictures_that_cannot_be_drawn_anew_is_refused() -> None:
    class Photographs(Dataset):
        revision = "0"

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int):
            return WORLD[0]

    with pytest.raises(UserError, match="only the embedded world"):
        corrupted(Photographs(), "rotation", 0.5)
    assert Photographs().target(0, "ZOO") is None
    assert corrupted(Photographs(), "blur", 0.5).target(0, "ZOO") is None
