"""The weight files a training starts from: where they lie, and the hashes that name them.

They decide a run's result, wherever they lie, so their content is part of its identity and their
paths are not. Imports no torch: planning a study asks for this.
"""

from functools import lru_cache
from pathlib import Path

from dreamtext import places
from dreamtext.configs.sections import Config
from dreamtext.errors import UserError
from dreamtext.files import file_hash

FOLDER_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
_INNER = {"unet": "unet", "autoencoder": "vae"}  # a part's folder in a diffusers pipeline


def weight_file(path: str | Path, part: str) -> Path:
    """The file of a part in a diffusers folder (its own or the whole pipeline's), or the path.

    What comes along with the project is found from any folder: `results/models/base`.

    Raises:
        UserError: there is no such file, or the folder holds no weights of the part.
    """
    path = places.found(Path(path))
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(
            f"model.{part}.weights names '{path}', which is not there; give the path of a file or "
            "a diffusers folder on this machine (`dreamtext doctor` says what to put where)"
        )
    inner = _INNER.get(part, "")
    for folder in (path, path / inner):
        for name in FOLDER_FILES:
            if (folder / name).is_file():
                return folder / name
    raise UserError(
        f"{path} is not a diffusers folder of the {part}: expected {FOLDER_FILES[0]} in it or in "
        f"its folder {inner}"
    )


def weight_hashes(config: Config) -> dict[str, str]:
    """SHA-256 of every file a training of this configuration starts from, by the part it fills.

    Raises:
        UserError: a file is missing.
    """
    parts = ("unet", "autoencoder", "text", "glyph")
    asked = {part: getattr(config.model, part).weights for part in parts}
    return {part: _hash(weight_file(path, part)) for part, path in asked.items() if path}


def _hash(path: Path) -> str:
    about = path.stat()
    return _hash_of(path.resolve(), about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash_of(path: Path, _size: int, _changed: int) -> str:
    return file_hash(path)
