"""Which weights and data sets there are, where they are looked for, and what lacks without them.

Nothing here fetches anything: each entry names the place a person gets it from.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dreamtext.configs.sections import Config
from dreamtext.files import file_hash

VARIABLE = "DREAMTEXT_FILES"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A weight file or data set that does not come along.

    Attributes:
        option: the configuration key or command-line option that names its path; "" if none.
        path: where it is looked for, relative to the folder of files.
        blocks: what cannot be done without it.     source: where a person gets it.
        sha256: how its hash begins, where that is known.
    """

    name: str
    kind: Literal["weights", "data"]
    path: str
    blocks: str
    source: str
    option: str = ""
    sha256: str = ""


STABLE_DIFFUSION_2_INPAINTING = (
    "Hugging Face, sd2-community/stable-diffusion-2-inpainting (a mirror: the original repository "
    "was removed)"
)

ASSETS = (
    Asset(
        name="Stable Diffusion 2.0 inpainting, U-Net",
        kind="weights",
        option="model.unet.weights",
        path="stable-diffusion-2-inpainting",
        blocks="training the paper preset from its base model",
        source=STABLE_DIFFUSION_2_INPAINTING,
    ),
    Asset(
        name="Stable Diffusion 2.0 inpainting, autoencoder",
        kind="weights",
        option="model.autoencoder.weights",
        path="stable-diffusion-2-inpainting",
        blocks="training the paper preset; latents of real images",
        source=STABLE_DIFFUSION_2_INPAINTING,
    ),
    Asset(
        name="ViTSTR base",
        kind="weights",
        option="model.glyph.weights",
        path="vitstr_base_patch16_224_aug.pth",
        blocks="the alignment loss of the paper preset",
        source="GitHub, roatienza/deep-text-recognition-benchmark, releases",
    ),
    Asset(
        name="character encoder with training heads",
        kind="weights",
        option="model.text.weights",
        path="label_encoder.ckpt",
        blocks="the released objective's start: it trains two layers of this encoder",
        source="GitHub, CodeGoat24/DreamText and ZYM-PKU/UDiffText, README",
    ),
    Asset(
        name="released DreamText checkpoint",
        kind="weights",
        path="dreamtext.ckpt",
        blocks="painting with the published model (dreamtext import-checkpoint)",
        source="GitHub, CodeGoat24/DreamText, README",
    ),
    Asset(
        name="Inception-v3 (2015-12-05)",
        kind="weights",
        option="scoring.inception",
        path="inception-2015-12-05.pt",
        blocks="FID and KID",
        source="the weights clean-fid and StyleGAN3 use",
    ),
    Asset(
        name="Inception-v3 of pytorch-fid",
        kind="weights",
        option="scoring.inception_pytorch",
        path="pt_inception-2015-12-05-6726825d.pth",
        blocks="FID-pytorch, the FID of this field's papers",
        source="GitHub, mseitzer/pytorch-fid, releases",
        sha256="6726825d",
    ),
    Asset(
        name="DINOv2",
        kind="weights",
        option="scoring.dinov2",
        path="dinov2-large",
        blocks="FD-DINOv2 and DINOv2-similarity",
        source="Hugging Face, facebook/dinov2-large",
    ),
    Asset(
        name="CLIP",
        kind="weights",
        option="scoring.clip",
        path="clip-vit-base-patch32",
        blocks="CLIP-similarity",
        source="Hugging Face, openai/clip-vit-base-patch32",
    ),
    Asset(
        name="AlexNet",
        kind="weights",
        option="scoring.alexnet",
        path="alexnet-owt-7be5be79.pth",
        blocks="LPIPS",
        source="torchvision's model zoo",
        sha256="7be5be79",
    ),
    Asset(
        name="PARSeq",
        kind="weights",
        path="parseq-bb5792a6.pt",
        blocks="SeqAcc as the papers read it (scoring.judge=FILE)",
        source="GitHub, baudm/parseq, releases",
        sha256="bb5792a6",
    ),
    Asset(
        name="LAION-OCR",
        kind="data",
        path="laion_ocr",
        blocks="training and scoring on LAION-OCR",
        source="GitHub, microsoft/unilm, textdiffuser",
    ),
    Asset(
        name="SynthText",
        kind="data",
        path="synthtext",
        blocks="training and scoring on SynthText",
        source="University of Oxford, Visual Geometry Group",
    ),
    Asset(
        name="TextSeg",
        kind="data",
        path="textseg",
        blocks="training and scoring on TextSeg",
        source="GitHub, SHI-Labs/Rethinking-Text-Segmentation, on request",
    ),
    Asset(
        name="ICDAR13",
        kind="data",
        path="icdar13",
        blocks="training and scoring on ICDAR13",
        source="Robust Reading Competition, Focused Scene Text 2013",
    ),
    Asset(
        name="ScenePair",
        kind="data",
        path="scenepair",
        blocks="scoring on pairs of words in one style",
        source="GitHub, weichaozeng/TextCtrl, section Evaluation of its README",
    ),
)


def asset(path: str) -> Asset:
    """The asset looked for at `path` in the folder of files."""
    return next(a for a in ASSETS if a.path == path)


@dataclass(frozen=True, kw_only=True)
class Found:
    """An asset and where it was looked for. `status` is as annotated."""

    asset: Asset
    looked: Path
    status: Literal["found", "missing", "wrong hash", "not prepared"]
    sha256: str = ""


def folder() -> Path:
    """`$DREAMTEXT_FILES`, or `files` here."""
    return Path(os.environ.get(VARIABLE, "files"))


def look(config: Config, files: Path, *, hashes: bool = True) -> Iterable[Found]:
    """Where every asset is: at the path its option names, else inside the folder of files."""
    for asset in ASSETS:
        path = _named(config, asset) or files / asset.path
        if not path.exists():
            yield Found(asset=asset, looked=path, status="missing")
        elif asset.kind == "data":
            yield _look_at_data(asset, path)
        elif path.is_dir() or not hashes:
            yield Found(asset=asset, looked=path, status="found")
        else:
            digest = file_hash(path)
            right = digest.startswith(asset.sha256)
            yield Found(
                asset=asset, looked=path, status="found" if right else "wrong hash", sha256=digest
            )


def _look_at_data(asset: Asset, path: Path) -> Found:
    from dreamtext.data.index import open_index
    from dreamtext.errors import UserError

    try:
        revision = open_index(path, asset.path).revision
    except UserError:
        return Found(asset=asset, looked=path, status="not prepared")
    return Found(asset=asset, looked=path, status="found", sha256=revision)


def _named(config: Config, asset: Asset) -> Path | None:
    if asset.kind == "data":
        chosen = config.data.name == asset.path and config.data.root
        return Path(config.data.root) if chosen else None
    value: object = config
    for part in asset.option.split(".") if asset.option else ():
        value = getattr(value, part)
    return Path(value) if isinstance(value, str) and value else None
