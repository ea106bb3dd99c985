"""`dreamtext edit`: from a photograph, a place and a line of words to the edited photograph."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.editing.painting import Colours
from benchmarks.editing.region import Place, parse_polygon, parse_region
from dreamtext import charset, places
from dreamtext.errors import UserError
from dreamtext.files import written_whole

if TYPE_CHECKING:
    from benchmarks.metrics.judges.judge import Judge
    from dreamtext.configs.sections import DataConfig
    from dreamtext.networks.model import DreamText

EMBEDDED_MODEL = places.results() / "models" / "small"
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What to paint where. Exactly one of `region` ("X,Y,W,H") and `polygon` (eight numbers).

    Attributes:
        line: one word, or several separated by spaces.
        tries: pictures painted of each word, from the noise of `seed`, `seed` + 1, ...
        best_read: take for each word the try that the judge reads best, else the first.
        sheet: a picture of before, after and all tries, where one is asked for.
    """

    image: Path
    line: str
    out: Path
    region: str | None = None
    polygon: str | None = None
    model: Path = EMBEDDED_MODEL
    seed: int = 0
    tries: int = 1
    best_read: bool = False
    colours: Colours = "photograph"
    sheet: Path | None = None


def edit(asked: Edit) -> Iterator[str]:
    """Write the edited photograph to `asked.out`; yields remarks.

    Raises:
        UserError: an unreadable image, a place that is not inside it, words that cannot be painted,
            or a file that cannot be written.
        RunError: no model, or a damaged one.
    """
    words = _words(asked.line)
    photograph = read(asked.image)
    place = _place(asked, photograph)
    for path, option in ((asked.out, "--out"), (asked.sheet, "--sheet")):
        _refuse_path(path, option)
    if asked.tries < 1 or (asked.tries > 1 and not asked.best_read):
        raise UserError(
            f"--tries {asked.tries} must be at least 1, and more than one need --best-read, which "
            "picks among them"
        )
    yield f"loading the model {asked.model.name} (seconds, most of them for its libraries)"
    from dreamtext.weights.checkpoints import load_model

    loaded = load_model(asked.model)
    data = loaded.config.data
    for word in words:
        charset.check(word, data.max_length)
    yield _expectation(data)
    unusual = [word for word in words if _unusual(word, data)]
    if unusual:
        yield (
            f"remark: words like {', '.join(map(repr, unusual))} were not in its training; the "
            "result may be unreadable"
        )
    if asked.best_read:
        yield "loading the judge that reads the tries"
    judge = _judge() if asked.best_read else None
    edited, colour = photograph, None
    if len(words) > 1 and asked.colours == "photograph":  # also between the words
        from benchmarks.editing.painting import cleared

        edited, colour = cleared(photograph, place)
    tries: list[tuple[str, list[np.ndarray]]] = []
    for word, where in zip(words, place.split(words), strict=True):
        painted, said = _best(loaded, edited, where, word, asked, judge, colour)
        tries.append((word, painted[1]))
        edited = painted[0]
        yield from said
    _write(asked.out, edited)
    yield f"wrote {asked.out}"
    if asked.sheet:
        from benchmarks.editing.sheet import sheet

        _write(asked.sheet, sheet(photograph, edited, place, tries))
        yield f"wrote {asked.sheet}"


def _best(
    model: "DreamText",
    photograph: np.ndarray,
    place: Place,
    word: str,
    asked: Edit,
    judge: "Judge | None",
    colour: np.ndarray | None,
) -> tuple[tuple[np.ndarray, list[np.ndarray]], list[str]]:
    """The photograph with the word, the crops of all tries, and what the judge said of them."""
    from benchmarks.editing.painting import paint

    seeds = range(asked.seed, asked.seed + asked.tries)
    painted = paint(model, photograph, place, word, seeds, asked.colours, colour)
    crops = [upright(picture, place) for picture in painted]
    if judge is None:
        return (painted[0], crops), []
    from benchmarks.metrics.text import normalised_edit_distance

    readings = judge.read(crops)
    best = max(
        range(len(readings)),
        key=lambda i: (readings[i] == word, normalised_edit_distance(readings[i], word), -i),
    )
    told = ", ".join(f"{seed}: {read!r}" for seed, read in zip(seeds, readings, strict=True))
    return (painted[best], crops), [f"{word}: took seed {seeds[best]} of {told}"]


def upright(photograph: np.ndarray, place: Place, margin: float = 0.0) -> np.ndarray:
    """(h, w, 3) uint8: a place cut out and set upright; `margin`: around it, in its heights."""
    import cv2

    width, height = place.size
    around = margin * height
    shift = np.array([[1, 0, around], [0, 1, around], [0, 0, 1]])
    size = (max(1, round(width + 2 * around)), max(1, round(height + 2 * around)))
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    into = np.linalg.inv(half) @ shift @ place.upright() @ half
    return cv2.warpPerspective(
        photograph, into, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _place(asked: Edit, photograph: np.ndarray) -> Place:
    height, width = photograph.shape[:2]
    if (asked.region is None) == (asked.polygon is None):
        raise UserError("give either --region X,Y,W,H or --polygon X1,Y1,...,X4,Y4")
    if asked.region is not None:
        return parse_region(asked.region, width, height)
    assert asked.polygon is not None
    return parse_polygon(asked.polygon, width, height)


def _words(line: str) -> Sequence[str]:
    words = line.split()
    for word in words:
        charset.check(word)
    if not words:
        charset.check("")
    return words


def _expectation(data: "DataConfig") -> str:
    letters = {"upper": "capitals", "alphanumeric": "letters and digits"}
    return (
        f"painting with the scale model ({data.width} x {data.height} pixels, trained on words of "
        f"{data.min_word_length} to {data.max_word_length} "
        f"{letters.get(data.alphabet, 'characters')}): expect its letters, not a typographer's"
    )


def _unusual(word: str, data: "DataConfig") -> bool:
    plain = word.isascii() and word.isalnum()
    known = {"upper": word.isalpha() and word.isupper(), "alphanumeric": plain}
    lengths = data.min_word_length <= len(word) <= data.max_word_length
    return not (lengths and known.get(data.alphabet, True))


def _judge() -> "Judge":
    from benchmarks.metrics.judges.catalogue import DEFAULT_JUDGE, judge
    from dreamtext.data.cache import root

    return judge(DEFAULT_JUDGE, root())


def read(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        UserError: there is no such image, or it cannot be read.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise UserError(f"there is no image {path}") from error
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path} cannot be read as an image: {error}") from error


def _refuse_path(path: Path | None, option: str) -> None:
    if path is None:
        return
    if path.suffix.lower() not in _SUFFIXES:
        raise UserError(f"{option} {path} must end in .png, .jpg or .webp")
    if path.is_dir():
        raise UserError(f"{option} {path} cannot be written: it is a folder")
    if not path.parent.is_dir():
        raise UserError(
            f"{option} {path} cannot be written: its folder {path.parent} does not exist"
        )


def _write(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    with written_whole(path) as beside:
        Image.fromarray(pixels).save(beside, quality=95)
