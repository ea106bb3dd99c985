"""Did the rest of the picture survive? Painted against real pixels outside the region.

Pixels lie in 0..1. What lies inside the region's box is no part of any of these: before SSIM it is
made equal in both pictures, and SSIM's map is averaged over the pixels outside.
"""

from functools import partial

import numpy as np

from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.statistics import bootstrap
from benchmarks.samples.folder import Record, Source, Unavailable

HIGHEST_PSNR = 60.0  # dB; 8-bit pictures that agree in every pixel have an infinite one
PLACES = ("background", "band")


def background_score(session: Session, *, source: Source, kind: str, place: str) -> Measured:
    """Mean over samples of PSNR, SSIM or MSE outside the region.

    Args:
        place: "background" is all outside the region's box; "band" what lies around it within a
            thirty-second of the picture's height (at least 2 pixels), where seams are.

    Raises:
        Unavailable: every region fills its picture.
    """
    values = _scores(session, source)[(kind, place)]
    known = values[~np.isnan(values)]
    if not len(known):
        raise Unavailable(f"the regions of all {len(values)} samples fill their pictures")
    return Measured(
        estimate=bootstrap(known), backbone="pixels, torchmetrics", per_image=values.tolist()
    )


def outside(record: Record, shape: tuple[int, ...], place: str) -> np.ndarray:
    """(H, W) bool: the pixels of a place around a record's box."""
    x0, y0, x1, y1 = record.box
    found = np.ones(shape[:2], bool)
    if place == "band":
        reach = max(2, round(shape[0] / 32))
        found[:] = False
        found[max(0, y0 - reach) : y1 + reach, max(0, x0 - reach) : x1 + reach] = True
    found[y0:y1, x0:x1] = False
    return found


def _scores(session: Session, source: Source) -> dict[tuple[str, str], np.ndarray]:
    """By kind and place: (N,) values, NaN where a sample has no such pixel."""
    if (key := ("background", source)) in session.kept:
        return session.kept[key]
    import torch
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )
    from torchmetrics.functional.regression import mean_squared_error

    folder = session.folder
    keys = [(kind, place) for kind in ("PSNR", "SSIM", "MSE") for place in PLACES]
    values = {k: np.full(len(folder), np.nan) for k in keys}
    pairs = zip(folder.images(source), folder.images("truth"), strict=True)
    for i, (record, images) in enumerate(zip(folder.records, pairs, strict=True)):
        painted, real = (torch.from_numpy(image).double() / 255 for image in images)
        outer = torch.from_numpy(outside(record, real.shape, "background"))
        equal = torch.where(outer[..., None], painted, real)
        batch = [x.permute(2, 0, 1)[None] for x in (equal, real)]
        if min(real.shape[:2]) > 5:  # what SSIM's window reaches to each side
            _, similar = structural_similarity_index_measure(
                *batch, data_range=1.0, return_full_image=True
            )
            similar = similar[0].mean(0)
        else:
            similar = torch.full(real.shape[:2], torch.nan)
        for place in PLACES:
            pixels = torch.from_numpy(outside(record, real.shape, place))
            if not pixels.any():
                continue
            a, b = painted[pixels], real[pixels]
            psnr = float(peak_signal_noise_ratio(a, b, data_range=1.0))
            values[("PSNR", place)][i] = min(psnr, HIGHEST_PSNR)
            values[("SSIM", place)][i] = float(similar[pixels].mean())
            values[("MSE", place)][i] = float(mean_squared_error(a.flatten(), b.flatten()))
    return session.kept.setdefault(key, values)


METRICS = [
    Metric(
        name=f"{kind}-{place}/raw",
        version=1,
        direction="lower" if kind == "MSE" else "higher",
        unit=unit,
        reads="raw",
        view="whole",
        interval="bootstrap over images",
        agrees_with=("torchmetrics", "scikit-image"),
        measure=partial(background_score, source="raw", kind=kind, place=place),
    )
    for kind, unit in (("PSNR", "dB"), ("SSIM", "similarity"), ("MSE", "squared intensity 0..1"))
    for place in PLACES
]
