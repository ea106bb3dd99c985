"""What a user chooses for a scoring: who reads, the masks' settings, the weight files given.

A given file that is missing or another than it is named for is refused before any work is done.
"""

import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.metrics.judges.catalogue import DEFAULT_JUDGE, judge_kind
from dreamtext.configs.schema import identity
from dreamtext.configs.sections import Config, MaskConfig, ScoringConfig
from dreamtext.data.cache import root
from dreamtext.errors import UserError
from dreamtext.files import file_hash
from dreamtext.weights.inventory import asset

INCEPTION = asset("inception-2015-12-05.pt")
ALEXNET = asset("alexnet-owt-7be5be79.pth")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user may choose for all metrics of one scoring.

    Attributes:
        judge: name of a judge, a folder with a model in PaddleOCR's layout, or a PARSeq checkpoint.
        masks: blur, threshold and size of latent character masks for mIoU.
        inception: file `inception-2015-12-05.pt`, for FID and KID.
        alexnet: file `alexnet-owt-7be5be79.pth`, for LPIPS.
        cache: where readings and features of real images are kept.
    """

    judge: str = DEFAULT_JUDGE
    masks: MaskConfig = field(default_factory=MaskConfig)
    inception: Path | None = None
    alexnet: Path | None = None
    cache: Path = field(default_factory=root)

    @classmethod
    def of(cls, config: Config) -> "Options":
        """What a run's configuration chooses."""
        chosen = config.scoring
        return cls(
            judge=chosen.judge,
            masks=config.masks,
            inception=Path(chosen.inception) if chosen.inception else None,
            alexnet=Path(chosen.alexnet) if chosen.alexnet else None,
        )

    def given(self) -> dict[str, str]:
        """The judge where it is not the default one, and the weight files: by hash, not by path.

        Raises:
            UserError: a file is missing, or another than it is named for.
        """
        found = {}
        if self.judge != DEFAULT_JUDGE:
            found["judge"] = _judge(self.judge)
        if self.inception:
            found["inception"] = _inception(self.inception)
        if self.alexnet:
            found["alexnet"] = _alexnet(self.alexnet)
        return found

    def identity(self) -> dict[str, Any]:
        """The plain values that decide scores: what a score run's signature holds of them."""
        return {"masks": identity(self.masks), **self.given()}


def absolute(scoring: ScoringConfig) -> ScoringConfig:
    """The same files, named so that they are found from any folder."""
    paths = {"inception": scoring.inception, "alexnet": scoring.alexnet}
    if judge_kind(scoring.judge) != "packaged":
        paths["judge"] = scoring.judge
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


def _alexnet(file: Path) -> str:
    expected = f"expected is {ALEXNET.path}, whose hash its name ends in: {ALEXNET.source}"
    _there(file, expected)
    digest = file_hash(file)
    if not digest.startswith(ALEXNET.sha256):  # another network of this shape would load silently
        raise UserError(
            f"the file '{file}' has SHA-256 {digest[:8]}, not {ALEXNET.sha256}; {expected}"
        )
    return digest


def _there(file: Path, expected: str) -> None:
    if not file.is_file():
        raise UserError(f"there is no file '{file}'; {expected}")
