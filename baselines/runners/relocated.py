"""An OmegaConf file of a checkout, its weights looked for in the user's folder of weights."""

import os

from omegaconf import OmegaConf


def relocated(file, prefix, weights, folder):
    """Write a copy of `file` into `folder` in which paths below `prefix` lie below `weights`.

    Returns:
        The copy's path.
    """

    def moved(value):
        if isinstance(value, dict):
            return {key: moved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [moved(item) for item in value]
        if isinstance(value, str) and value.startswith(prefix):
            return os.path.join(weights, value[len(prefix) :])
        return value

    copy = os.path.join(folder, os.path.basename(file))
    OmegaConf.save(OmegaConf.create(moved(OmegaConf.to_container(OmegaConf.load(file)))), copy)
    return copy
