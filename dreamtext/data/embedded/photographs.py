"""The real photographs of the embedded world, by split (see `backgrounds` for what of each)."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from dreamtext.errors import RunError

# package, file inside it
PHOTOGRAPHS: dict[str, tuple[tuple[str, str], ...]] = {
    "train": (
        ("skimage", "data/astronaut.png"),
        ("skimage", "data/coffee.png"),
        ("skimage", "data/chelsea.png"),
        ("skimage", "data/motorcycle_left.png"),
        ("skimage", "data/brick.png"),
        ("skimage", "data/grass.png"),
        ("skimage", "data/coins.png"),
        ("skimage", "data/ihc.png"),
        ("sklearn", "datasets/images/china.jpg"),
    ),
    "validation": (
        ("skimage", "data/rocket.jpg"),
        ("skimage", "data/camera.png"),
        ("skimage", "data/retina.jpg"),
    ),
    "test": (
        ("skimage", "data/gravel.png"),
        ("skimage", "data/moon.png"),
        ("skimage", "data/hubble_deep_field.jpg"),
        ("sklearn", "datasets/images/flower.jpg"),
        ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ),
}


@cache
def photograph(package: str, file: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a picture that ships inside an installed package.

    Raises:
        RunError: the package is not installed, or the file cannot be read.
    """
    from PIL import Image

    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RunError(
            f"the photograph {file} belongs to the Python package {package}, which is not "
            "installed; run the project's installation again"
        )
    path = Path(spec.origin).parent / file
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise RunError(
            f"the photograph {path} cannot be read ({error}); reinstall the package {package}"
        ) from error
