"""A split of a prepared data set: words addressed by index, the same index the same sample."""

from functools import cached_property

import numpy as np

from dreamtext.configs.sections import DataConfig
from dreamtext.data import crop, images, shards
from dreamtext.data.annotation import Files, Format
from dreamtext.data.formats import format_named
from dreamtext.data.index import Entry, Index, open_index
from dreamtext.data.sample import Dataset, Sample
from dreamtext.data.splits import SPLITS
from dreamtext.errors import RunError, UserError


class PreparedDataset(Dataset):
    """Samples of a data set with files (`dreamtext.data.formats.NAMES`), read from its own files.

    Raises:
        UserError: not prepared, an unknown split, or a split without words.
    """

    def __init__(self, config: DataConfig, split: str) -> None:
        if split not in SPLITS:
            raise UserError(
                f"'{split}' is not a split of '{config.name}'; one of {', '.join(SPLITS)}"
            )
        self.config, self.split = config, split
        self.index: Index = open_index(config.root, config.name)
        self.format = format_named(config.name)
        self.files: Files = self.index.files()
        self.rows = self.index.rows(split, config.max_length)
        if len(self.rows) == 0:
            raise UserError(
                f"the {split} split of {self.index.folder} has no words "
                f"(it has {self.index.meta['splits']}): see 'dropped' in its index.json"
            )

    @property
    def revision(self) -> str:
        return self.index.revision

    def order(self, seed: int, epoch: int) -> np.ndarray:
        packed = self.index.meta.get("shards")
        if packed is None:
            return super().order(seed, epoch)
        return shards.order(self.index.image_of(self.rows) // packed["images"], seed, epoch)

    @property
    def has_characters(self) -> bool:
        """Whether any word has a character mask."""
        meta = self.index.meta
        without = meta["seen"].get("without characters", 0)
        return self.format.carries_characters and without < meta["words"]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        entry = self.index.entry(int(self.rows[index]))
        return draw(self.config, self.format, entry, self.files)

    def neighbours(self, index: int) -> list[tuple[str, np.ndarray]]:
        """The other words of the picture that the index has, whole inside the sample's window."""
        row = int(self.rows[index])
        entry = self.index.entry(row)
        size = (self.config.width, self.config.height)
        window = crop.fit(entry.mark.quad, entry.size, size, self.config.word_area)
        found = []
        for other in np.flatnonzero(self._images == self._images[row]):
            if other != row:
                mark = self.index.entry(int(other)).mark
                quad = window.points(mark.quad)
                if (quad >= 0).all() and (quad <= size).all():
                    found.append((mark.word, quad))
        return found

    @cached_property
    def _images(self) -> np.ndarray:
        """The number of the picture that each of the index's words stands in."""
        return self.index.image_of(np.arange(len(self.index)))


def draw(config: DataConfig, form: Format, entry: Entry, files: Files) -> Sample:
    """One indexed word as a sample of the configured size.

    Raises:
        RunError: the image can no longer be read.
    """
    window = crop.fit(entry.mark.quad, entry.size, (config.width, config.height), config.word_area)
    try:
        pixels = images.decode(files.read(entry.image), window.reduction)
    except (OSError, images.ImageError) as error:
        raise RunError(
            f"the image {entry.image} of '{config.name}' can no longer be read ({error}); "
            f"'dreamtext data check {config.name} ROOT' lists all such files"
        ) from error
    expected = tuple(-(-n // window.reduction) for n in entry.size[::-1])
    if pixels.shape[:2] != expected:
        raise RunError(
            f"the image {entry.image} has changed since it was indexed: its size at reduction "
            f"{window.reduction} is {pixels.shape[:2]}, not {expected}; prepare the set again"
        )
    characters = form.characters(files, entry.image, entry.mark, entry.size, window)
    region = window.polygon(entry.mark.quad).astype(bool)
    if characters is None:
        known, characters = False, np.zeros(region.shape, np.uint8)
    else:
        known = True
    return Sample(
        id=entry.id,
        image=window.image(pixels),
        region=region,
        word=entry.mark.word,
        characters=characters,
        has_characters=known,
        quad=window.points(entry.mark.quad),
        attributes={"source": entry.image, "background": entry.image},
    )
