"""What a user chooses for a scoring: who reads, the masks' settings, the weight files given.

A given file that is missing or another than it is named for is refused before any work is done.
"""

import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.metrics.judges.catalogue import DEFAULT_JUDGE, SECOND_JUDGE, judge_kind
from dreamtext.configs.schema import identity
from dreamtext.configs.sections import Config, MaskConfig, ScoringConfig
from dreamtext.data.cache import root
from dreamtext.errors import UserError
from dreamtext.files import file_hash
from dreamtext.weights.inventory import Asset, asset

INCEPTION = asset("inception-2015-12-05.pt")
INCEPTION_PYTORCH = asset("pt_inception-2015-12-05-6726825d.pth")
ALEXNET = asset("alexnet-owt-7be5be79.pth")
DINOV2, CLIP = asset("dinov2-large"), asset("clip-vit-base-patch32")
GIVEN = ("judge", "second_judge", "inception", "inception_pytorch", "alexnet", "dinov2", "clip")
"""The options that decide scores by the hash of what they name."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user may choose for all metrics of one scoring.

    Attributes:
        judge: name of a judge, a folder with a model in PaddleOCR's layout, or a PARSeq checkpoint.
        second_judge: another of these, for the columns of two judges.
        masks: blur, threshold and size of latent character masks for mIoU.
        inception: file `inception-2015-12-05.pt`, for FID and KID.
        inception_pytorch: file `pt_inception-2015-12-05-6726825d.pth`, for FID-pytorch.
        alexnet: file `alexnet-owt-7be5be79.pth`, for LPIPS.
        dinov2, clip: folders as transformers saves them (config.json, model.safetensors).
        cache: where readings and features of real images are kept.
        data: name of the data set, for measures that belong to one.
    """

    judge: str = DEFAULT_JUDGE
    second_judge: str = SECOND_JUDGE
    masks: MaskConfig = field(default_factory=MaskConfig)
    inception: Path | None = None
    inception_pytorch: Path | None = None
    alexnet: Path | None = None
    dinov2: Path | None = None
    clip: Path | None = None
    cache: Path = field(default_factory=root)
    data: str = ""

    @classmethod
    def of(cls, config: Config) -> "Options":
        """What a run's configuration chooses."""
        chosen = config.scoring

        def path(name: str) -> Path | None:
            return Path(name) if name else None

        return cls(
            judge=chosen.judge,
            second_judge=chosen.second_judge,
            masks=config.masks,
            inception=path(chosen.inception),
            inception_pytorch=path(chosen.inception_pytorch),
            alexnet=path(chosen.alexnet),
            dinov2=path(chosen.dinov2),
            clip=path(chosen.clip),
            data=config.data.name,
        )

    def given(self) -> dict[str, str]:
        """Judges that are not the default ones, and the weight files: by hash, not by path.

        Raises:
            UserError: a file is missing, or another than it is named for.
        """
        found = {}
        if self.judge != DEFAULT_JUDGE:
            found["judge"] = _judge(self.judge)
        if self.second_judge != SECOND_JUDGE:
            found["second_judge"] = _judge(self.second_judge)
        if self.inception:
            found["inception"] = _inception(self.inception)
        if self.inception_pytorch:
            found["inception_pytorch"] = _hashed(self.inception_pytorch, INCEPTION_PYTORCH)
        if self.alexnet:
            found["alexnet"] = _hashed(self.alexnet, ALEXNET)
        if self.dinov2:
            found["dinov2"] = _transformer(self.dinov2, DINOV2)
        if self.clip:
            found["clip"] = _transformer(self.clip, CLIP)
        return found

    def identity(self) -> dict[str, Any]:
        """The plain values that decide scores: what a score run's signature holds of them."""
        return {"masks": identity(self.masks), **self.given()}


def absolute(scoring: ScoringConfig) -> ScoringConfig:
    """The same files, named so that they are found from any folder."""
    paths = {name: getattr(scoring, name) for name in GIVEN}
    for name in ("judge", "second_judge"):
        if judge_kind(paths[name]) == "packaged":
            del paths[name]
    return replace(scoring, **{k: str(Path(v).absolute()) for k, v in paths.items() if v})


def _judge(name: str) -> str:
    """A packaged judge's name, or the hash of the files of another."""
    kind, path = judge_kind(name), Path(name)
    if kind == "packaged":
        return name
    if kind == "folder":
        from benchmarks.metrics.judges.paddle import folder_judge

        return folder_judge(path).key
    with path.open("rb") as file:
        start = file.read(2)
    if start != b"PK" and start[:1] != b"\x80":  # a zip archive, or in older files a bare pickle
        parseq = asset("parseq-bb5792a6.pt")
        raise UserError(
            f"the judge '{name}' is no file that torch writes; expected is a PARSeq checkpoint, as "
            f"{parseq.path} from {parseq.source}"
        )
    return file_hash(path)


def _inception(file: Path) -> str:
    expected = f"expected is {INCEPTION.name} as {INCEPTION.path}: {INCEPTION.source}"
    _there(file, expected)
    if file.name != INCEPTION.path:  # clean-fid finds it by its name
        raise UserError(f"the file '{file}' is not named {INCEPTION.path}; {expected}")
    try:
        with zipfile.ZipFile(file) as archive:
            script = any(name.endswith("/constants.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        script = False
    if not script:
        raise UserError(f"the file '{file}' is no TorchScript, or only part of it; {expected}")
    return file_hash(file)


def _hashed(file: Path, asset: Asset) -> str:
    expected = f"expected is {asset.path}, whose hash its name ends in: {asset.source}"
    _there(file, expected)
    digest = file_hash(file)
    if not digest.startswith(asset.sha256):  # another network of this shape would load silently
        raise UserError(
            f"the file '{file}' has SHA-256 {digest[:8]}, not {asset.sha256}; {expected}"
        )
    return digest


def _transformer(folder: Path, asset: Asset) -> str:
    expected = f"expected is the folder of {asset.name}, with config.json and model.safetensors: "
    for name in ("config.json", "model.safetensors"):
        _there(folder / name, expected + asset.source)
    return file_hash(folder / "config.json")[:8] + file_hash(folder / "model.safetensors")


def _there(file: Path, expected: str) -> None:
    if not file.is_file():
        raise UserError(f"there is no file '{file}'; {expected}")
