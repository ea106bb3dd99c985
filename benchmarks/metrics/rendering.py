"""Against the true rendering: is it the same word in the same font, colour and surroundings?

Only the embedded world knows the rendering of a word that does not stand there, its glyphs pixel
by pixel included; in a real picture all of this is a guess, and so is left out.

    glyph-similarity    of every sample: how the painted text correlates with the true one
    font-similarity     the same up to a small shift, of words read right: the letters being right,
                        what differs is the font
    text-colour-error, ground-colour-error    CIEDE2000 on and between the letters, of those words
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.statistics import bootstrap
from benchmarks.metrics.text import read
from benchmarks.samples.folder import Source, Unavailable

BACKBONE = "pixels and true glyphs"


def rendering_score(session: Session, *, source: Source, kind: str) -> Measured:
    """Mean over samples of one of the four; those of words read right have values of no others.

    Raises:
        Unavailable: the data set's renderings are not known, or no word is read right.
    """
    values = _scores(session, source)[kind].copy()
    details = {}
    if kind != "glyph-similarity":
        readings = read(session, source)
        wrong = [r != a.word for r, a in zip(readings, session.folder.records, strict=True)]
        values[np.array(wrong)] = np.nan
        details = {"words": f"read right by {session.readings.judge.backbone}"}
    known = values[~np.isnan(values)]
    if not len(known):
        raise Unavailable(
            f"none of the {len(values)} words is read right, so there is no rendering to compare"
            if details
            else "no sample has character masks"
        )
    return Measured(
        estimate=bootstrap(known), backbone=BACKBONE, per_image=values.tolist(), details=details
    )


def coverage(image: np.ndarray, text: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """(H, W) how much text each pixel shows, whatever its colour: 0 the mean of the pixels
    `ground`, 1 that of the pixels `text`, in between along the line from one colour to the other.

    Args:
        image: (H, W, 3) uint8.    text, ground: (H, W) bool.
    """
    pixels = image.astype(float)
    low, high = pixels[ground].mean(0), pixels[text].mean(0)
    axis = high - low
    return np.clip((pixels - low) @ axis / max(axis @ axis, 1e-9), -0.5, 1.5)


def correlation(a: np.ndarray, b: np.ndarray, pixels: np.ndarray) -> float:
    """Pearson's correlation of two (H, W) maps over `pixels` (bool); 0 where one is flat."""
    x, y = a[pixels] - a[pixels].mean(), b[pixels] - b[pixels].mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 1e-9 else 0.0


def best_shift(a: np.ndarray, b: np.ndarray, pixels: np.ndarray, reach: int) -> float:
    """The largest correlation with `a` (H, W) moved by up to `reach` rows and columns."""
    padded = np.pad(a, reach, mode="edge")
    height, width = a.shape
    return max(
        correlation(padded[y : y + height, x : x + width], b, pixels)
        for y in range(2 * reach + 1)
        for x in range(2 * reach + 1)
    )


def _scores(session: Session, source: Source) -> dict[str, np.ndarray]:
    """By kind: (N,) values of all samples, NaN where the glyphs are not known."""
    if (key := ("rendering", source)) in session.kept:
        return session.kept[key]
    from scipy.ndimage import binary_dilation

    folder = session.folder
    if folder.dataset != "embedded":
        raise Unavailable("the true rendering of a word is known in the embedded world alone")
    maps, known = folder.characters
    values = {kind: np.full(len(folder), np.nan) for kind in KINDS}
    images = zip(folder.images(source), folder.images(folder.reference), strict=True)
    for i, (record, (painted, true)) in enumerate(zip(folder.records, images, strict=True)):
        x0, y0, x1, y1 = record.box
        crop = np.s_[y0:y1, x0:x1]
        text = maps[i][crop] > 0
        ground = ~binary_dilation(text, np.ones((3, 3)))
        if not known[i] or not text.any() or not ground.any():
            continue
        shown, real = painted[crop], true[crop]
        a, b = (coverage(image, text, ground) for image in (shown, real))
        everywhere = np.ones_like(text)
        values["glyph-similarity"][i] = correlation(a, b, everywhere)
        reach = max(1, round(true.shape[0] / 32))
        values["font-similarity"][i] = best_shift(a, b, everywhere, reach)
        values["text-colour-error"][i] = colour_error([shown[text].mean(0)], [real[text].mean(0)])
        values["ground-colour-error"][i] = colour_error(shown[ground], real[ground])
    return session.kept.setdefault(key, values)


def colour_error(a: Sequence[np.ndarray] | np.ndarray, b: Sequence[np.ndarray] | np.ndarray):
    """Mean CIEDE2000 difference of sRGB colours (n, 3) in 0..255."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    return float(deltaE_ciede2000(*(rgb2lab(np.asarray(c) / 255.0) for c in (a, b))).mean())


KINDS = ("glyph-similarity", "font-similarity", "text-colour-error", "ground-colour-error")

METRICS = [
    Metric(
        name=f"{kind}/raw",
        version=1,
        direction="lower" if kind.endswith("error") else "higher",
        unit="CIEDE2000" if kind.endswith("error") else "correlation",
        reads="raw",
        view="crop",
        interval="bootstrap over images",
        agrees_with=("scikit-image",) if kind.endswith("error") else (),
        measure=partial(rendering_score, source="raw", kind=kind),
    )
    for kind in KINDS
]
