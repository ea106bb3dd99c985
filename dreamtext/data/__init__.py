"""One module per data set, one shared sample type, one shared crop."""

from dreamtext.config import DataConfig
from dreamtext.data.sample import Dataset


def open_dataset(config: DataConfig, split: str) -> Dataset:
    """The data set a configuration names; `split` is one of that data set's own."""
    from dreamtext.data.embedded import EmbeddedWorld

    return EmbeddedWorld(config, split)
