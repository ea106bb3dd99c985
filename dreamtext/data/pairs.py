"""ScenePair as a data set: a sample's other word, and its true picture."""

from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath

import cv2
import numpy as np

from dreamtext.configs.sections import DataConfig
from dreamtext.data import crop, images, scene_pair
from dreamtext.data.index import Entry, Index, open_index
from dreamtext.data.prepared import PreparedDataset
from dreamtext.data.sample import Sample
from dreamtext.errors import RunError


class ScenePairs(PreparedDataset):
    """The prepared pairs; `target` is a pair's second crop, in the frame of the first."""

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        name = PurePosixPath(str(sample.attributes["source"])).name
        source = self._photographs.get(name, name)
        return replace(sample, attributes={"source": source, "background": source})

    def target(self, index: int, word: str) -> Sample | None:
        """The second crop, stretched to the first one's size as a painted crop would be to its own
        when it is put there; None for any other word than the pair's."""
        entry = self._entry(index)
        if word != self._words[PurePosixPath(entry.image).name]:
            return None
        path = scene_pair.second_crop(entry.image)
        try:
            pixels = images.decode(self.files.read(path))
        except (OSError, images.ImageError) as error:
            raise RunError(
                f"the pair's second crop {path} can no longer be read ({error}); 'dreamtext data "
                "check scenepair ROOT' lists all such files"
            ) from error
        size = (self.config.width, self.config.height)
        window = crop.fit(entry.mark.quad, entry.size, size, self.config.word_area)
        small = tuple(-(-n // window.reduction) for n in entry.size)
        method = cv2.INTER_AREA if pixels.shape[1] > small[0] else cv2.INTER_CUBIC
        picture = window.image(cv2.resize(pixels, small, interpolation=method))
        sample = self[index]
        inside = np.where(sample.region[..., None], picture, sample.image)
        return replace(sample, word=word, image=inside)

    def _entry(self, index: int) -> Entry:
        return self.index.entry(int(self.rows[index]))

    @cached_property
    def _words(self) -> dict[str, str]:
        return scene_pair.words_of(self.index.root / scene_pair.SECOND_WORDS)

    @cached_property
    def _photographs(self) -> dict[str, str]:
        return scene_pair.photographs(self.index.root)


def other_words(config: DataConfig, split: str) -> dict[int, str]:
    """The second word of every pair by its index in a split, without opening an image.

    Raises:
        UserError: the data set is not prepared.
    """
    index: Index = open_index(config.root, config.name)
    words = scene_pair.words_of(index.root / scene_pair.SECOND_WORDS)
    rows = index.rows(split, config.max_length)
    return {
        number: words[PurePosixPath(index.entry(int(row)).image).name]
        for number, row in enumerate(rows)
    }
