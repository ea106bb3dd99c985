"""The painted word against the true picture of it, pixel by pixel, where a data set has one: pairs
of words in the same style, as ScenePair's.

    word-PSNR, word-SSIM, word-MSE    of the region's box, both pictures as they are scored; 0..1

None of them is a column of the tables of TextCtrl or MOSTEL, whose names they would share. What
those call SSIM is called multi-scale in their code, and is SSIM of one scale five times over, since
the pictures it makes smaller are never used; pairs that are equal are left out of their means of
PSNR and SSIM; TextCtrl's evaluation first brings both pictures to the true one's width as height
and height as width. Here SSIM is that of Wang et al. (2004) at one scale, and every pair counts.
"""

from functools import partial

import numpy as np

from benchmarks.metrics.background import HIGHEST_PSNR
from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.statistics import bootstrap
from benchmarks.samples.folder import Source, Unavailable

KINDS = {"PSNR": "dB", "SSIM": "similarity", "MSE": "squared intensity 0..1"}
_WINDOW = 11  # pixels, of SSIM: a smaller word has none


def word_score(session: Session, *, source: Source, kind: str) -> Measured:
    """Mean over samples of PSNR, SSIM or MSE inside the region's box, against the true picture.

    Raises:
        Unavailable: there are no true pictures of the painted words, or none is large enough.
    """
    values = _scores(session, source)[kind]
    known = values[~np.isnan(values)]
    if not len(known):
        raise Unavailable(f"none of the {len(values)} words is {_WINDOW} pixels high and wide")
    return Measured(
        estimate=bootstrap(known),
        backbone="pixels, torchmetrics",
        per_image=values.tolist(),
        details={"against": session.folder.reference},
    )


def _scores(session: Session, source: Source) -> dict[str, np.ndarray]:
    """By kind: (N,) values, NaN where a word is too small for it."""
    if (key := ("word pictures", source)) in session.kept:
        return session.kept[key]
    import torch
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )
    from torchmetrics.functional.regression import mean_squared_error

    folder = session.folder
    against = folder.reference
    values = {kind: np.full(len(folder), np.nan) for kind in KINDS}
    pairs = zip(folder.images(source), folder.images(against), strict=True)
    for i, (record, images) in enumerate(zip(folder.records, pairs, strict=True)):
        x0, y0, x1, y1 = record.box
        a, b = (
            torch.from_numpy(np.ascontiguousarray(image[y0:y1, x0:x1])).double() / 255
            for image in images
        )
        values["MSE"][i] = float(mean_squared_error(a.flatten(), b.flatten()))
        psnr = float(peak_signal_noise_ratio(a, b, data_range=1.0))
        values["PSNR"][i] = min(psnr, HIGHEST_PSNR)
        if min(a.shape[:2]) >= _WINDOW:
            batch = [x.permute(2, 0, 1)[None] for x in (a, b)]
            similar = structural_similarity_index_measure(*batch, data_range=1.0)
            values["SSIM"][i] = float(torch.as_tensor(similar))
    return session.kept.setdefault(key, values)


METRICS = [
    Metric(
        name=f"word-{kind}/raw",
        version=1,
        direction="lower" if kind == "MSE" else "higher",
        unit=unit,
        reads="raw",
        view="crop",
        interval="bootstrap over images",
        agrees_with=("torchmetrics", "scikit-image"),
        measure=partial(word_score, source="raw", kind=kind),
    )
    for kind, unit in KINDS.items()
]
