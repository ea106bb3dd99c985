"""Painting a word into a user's photograph with a trained scale model."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamtext import charset, places
from dreamtext.errors import RunError, UserError
from dreamtext.files import written_whole

if TYPE_CHECKING:
    from dreamtext.networks.model import DreamText

EMBEDDED_MODEL = places.results() / "models" / "small"
# What a region takes of the training crops, on average: the model paints best at that size.
_WIDTH_SHARE, _HEIGHT_SHARE = 0.92, 0.80


def edit_photograph(
    image: Path, region: str, word: str, out: Path, model: Path | None = None, seed: int = 0
) -> Iterator[str]:
    """Write `image` with `word` painted into `region` ("x,y,w,h") to `out`; yields remarks.

    Raises:
        UserError: an unreadable image, a region that is no box inside it, or a word that cannot
            be painted.
        RunError: no model, or a damaged one.
    """
    charset.check(word)
    pixels = _read(image)
    box = parse_region(region, pixels.shape[1], pixels.shape[0])
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UserError(f"--out {out} must end in .png, .jpg or .webp")
    if out.is_dir() or not out.parent.is_dir():
        raise UserError(f"--out {out} cannot be written: its folder {out.parent} does not exist")
    from dreamtext.weights.checkpoints import load_model

    loaded = load_model(model or EMBEDDED_MODEL)
    data = loaded.config.data
    if len(word) > data.max_length:
        charset.check(word, data.max_length)
    yield (
        f"painting with the scale model ({data.width} x {data.height} pixels, trained on words of "
        f"{data.min_word_length} to {data.max_word_length} {_alphabet(data.alphabet)}): expect its "
        "quality, not a photograph's"
    )
    if not data.min_word_length <= len(word) <= data.max_word_length or (
        data.alphabet == "upper" and not (word.isalpha() and word.isupper())
    ):
        yield f"remark: words like {word!r} were not in its training; the result may be unreadable"
    painted = paint(loaded, pixels, box, word, seed)
    with written_whole(out) as beside:
        if not cv2.imwrite(str(beside), cv2.cvtColor(painted, cv2.COLOR_RGB2BGR)):
            raise RunError(f"{out} could not be written; check the folder's permissions and space")
    yield f"wrote {out}"


def _alphabet(name: str) -> str:
    return {"upper": "capitals", "alphanumeric": "letters and digits"}.get(name, "characters")


def _read(path: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise UserError(f"there is no image {path}") from error
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path} cannot be read as an image: {error}") from error


def parse_region(text: str, width: int, height: int) -> tuple[int, int, int, int]:
    """(x, y, w, h) from "X,Y,W,H", inside an image of that size.

    Raises:
        UserError: not four whole numbers, empty, or not inside the image.
    """
    try:
        x, y, w, h = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(
            f"--region {text!r} must be four whole numbers X,Y,W,H in pixels, such as 40,60,200,80"
        ) from error
    if w < 1 or h < 1:
        raise UserError(f"--region {text} is empty: its width and height must be at least 1 pixel")
    if x < 0 or y < 0 or x + w > width or y + h > height:
        raise UserError(
            f"--region {text} reaches outside the image, which is {width} x {height} pixels; "
            f"x + w may be at most {width} and y + h at most {height}"
        )
    return x, y, w, h


def paint(
    model: "DreamText",
    pixels: np.ndarray,
    box: tuple[int, int, int, int],
    word: str,
    seed: int,
) -> np.ndarray:
    """The photograph (H, W, 3) uint8 with the word painted into the box; no other pixel changes."""
    from dreamtext.data.sample import Sample, collate
    from dreamtext.sampling.solve import noise_for, repaint

    data = model.config.data
    x, y, w, h = box
    aspect = data.width / data.height
    window_w = max(w / _WIDTH_SHARE, h / _HEIGHT_SHARE * aspect)
    window_h = window_w / aspect
    left, top = x + w / 2 - window_w / 2, y + h / 2 - window_h / 2
    scale = data.width / window_w
    to_model = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float64)
    # Shrinking samples sparsely: blur first, by what one model pixel spans of the photograph.
    soft = pixels if scale >= 1 else cv2.GaussianBlur(pixels, (0, 0), 0.4 / scale)
    size = (data.width, data.height)
    crop = cv2.warpAffine(soft, to_model, size, borderMode=cv2.BORDER_REFLECT_101)
    x0, y0 = ((x - left) * scale, (y - top) * scale)
    x1, y1 = ((x + w - left) * scale, (y + h - top) * scale)
    region = np.zeros(crop.shape[:2], bool)
    region[
        max(0, int(y0)) : max(int(y0) + 1, int(np.ceil(y1))),
        max(0, int(x0)) : max(int(x0) + 1, int(np.ceil(x1))),
    ] = True
    sample = Sample(
        id="photograph",
        image=np.ascontiguousarray(crop),
        region=region,
        word=word,
        characters=np.zeros(crop.shape[:2], np.uint8),
        has_characters=False,
        quad=np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32),
    )
    glyph = model.config.model.glyph
    batch = collate([sample], max_length=data.max_length, crop_size=(glyph.height, glyph.width))
    raw = repaint(model, batch, noise_for(model.config, [seed]), model.config.sampling)
    small = ((raw[0].permute(1, 2, 0).numpy() + 1) * 127.5).clip(0, 255).astype(np.float32)
    back = cv2.invertAffineTransform(to_model) @ np.vstack([np.eye(2, 3), [0, 0, 1]])
    back[:, 2] -= (x, y)
    large = cv2.warpAffine(
        small, back, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    edited = pixels.copy()
    edited[y : y + h, x : x + w] = large.round().clip(0, 255).astype(np.uint8)
    return edited
