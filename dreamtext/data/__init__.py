"""One module per data set, one shared sample type, one shared crop."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamtext.configs.sections import DataConfig
    from dreamtext.data.sample import Dataset


def open_dataset(config: "DataConfig", split: str) -> "Dataset":
    """The data set a configuration names; `split` is one of that data set's own.

    Its training split has the labels that `config.labels` asks for, every other the true ones.
    """
    dataset: Dataset
    if config.name == "embedded":
        from dreamtext.data.embedded.world import EmbeddedWorld

        dataset = EmbeddedWorld(config, split)
    elif is_export(config.root):
        from dreamtext.data.exported import Exported

        dataset = Exported(config, split)
    elif config.name == "scenepair":
        from dreamtext.data.pairs import ScenePairs

        dataset = ScenePairs(config, split)
    else:
        from dreamtext.data.prepared import PreparedDataset

        dataset = PreparedDataset(config, split)
    if split == "train" and not config.labels.exact:
        from dreamtext.data.labels import DegradedLabels

        return DegradedLabels(dataset, config.labels)
    return dataset


def revision(config: "DataConfig", split: str) -> str:
    """A hash of a split's content, without opening its images: part of a run's identity."""
    if config.name == "embedded":
        from dreamtext.data.embedded import world as embedded

        return embedded.revision(config, split)
    if is_export(config.root):
        from dreamtext.data.exported import Exported

        return Exported(config, split).revision
    from dreamtext.data.index import open_index

    return open_index(config.root, config.name).revision


def is_export(root: str) -> bool:
    """Whether a data set's root is an export of it (`dreamtext.data.exported`)."""
    return bool(root) and (Path(root) / "benchmark.json").is_file()
