"""Character masks made wrong on purpose, for training on labels as imperfect as real ones."""

from dataclasses import replace

import numpy as np

from dreamtext.configs.sections import LabelConfig
from dreamtext.data.sample import Dataset, Sample


def degraded(characters: np.ndarray, config: LabelConfig, rng: np.random.Generator) -> np.ndarray:
    """(H, W) uint8 index map -> the same word's map with the errors of `config`.

    Where two characters come to overlap, the later one in the word stands; what is shifted out of
    the picture is lost.
    """
    present = np.unique(characters)
    present = present[present > 0]
    labels = _swapped(present, config.swapped, rng)
    # Drawn whether used or not, so that grades of one error share the others' random numbers.
    shifts = rng.standard_normal((len(present), 2)) * (config.shift_x, config.shift_y)
    kept = rng.random(len(present)) >= config.missing
    out = np.zeros_like(characters)
    for k, character in enumerate(present):
        if not kept[k]:
            continue
        ys, xs = np.nonzero(characters == character)
        y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
        if config.form == "boxes":
            ys, xs = (a.ravel() for a in np.mgrid[y0:y1, x0:x1])
        xs = xs + round(float(shifts[k, 0]) * int(x1 - x0))
        ys = ys + round(float(shifts[k, 1]) * int(y1 - y0))
        inside = (xs >= 0) & (xs < out.shape[1]) & (ys >= 0) & (ys < out.shape[0])
        out[ys[inside], xs[inside]] = labels[k]
    return out


def _swapped(present: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Labels of which about `share` are another character's: pairs change places."""
    labels = present.copy()
    order, chosen = rng.permutation(len(present)), rng.random(len(present) // 2)
    for pair, luck in zip(order[: len(order) // 2 * 2].reshape(-1, 2), chosen, strict=True):
        if luck < share:
            labels[pair] = labels[pair[::-1]]
    return labels


class DegradedLabels(Dataset):
    """A training set with wrong labels and unchanged pictures.

    An index counts on from epoch to epoch (`order`): a later one of the same sample is a later
    visit to it, with errors of its own where `config.drawn` says so.
    """

    def __init__(self, dataset: Dataset, config: LabelConfig) -> None:
        self.dataset, self.config = dataset, config

    @property
    def revision(self) -> str:
        return self.dataset.revision

    @property
    def has_characters(self) -> bool:
        return self.dataset.has_characters

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        visit, index = divmod(index, len(self))
        sample = self.dataset[index]
        if not sample.has_characters:
            return sample
        drawn = visit if self.config.drawn == "visit" else 0
        rng = np.random.default_rng([self.config.seed, index, drawn])
        return replace(sample, characters=degraded(sample.characters, self.config, rng))

    def order(self, seed: int, epoch: int) -> np.ndarray:
        return self.dataset.order(seed, epoch) + epoch * len(self)
