"""mIoU: latent character masks against ground truth, beside what perfect masks would score."""

import re
from functools import partial

import numpy as np

from benchmarks.metrics.metric import Interval, Measured, Metric, Session
from benchmarks.metrics.statistics import bootstrap, ratio_bootstrap
from benchmarks.samples.folder import SampleFolder, Unavailable
from dreamtext import charset
from dreamtext.configs.schema import to_dict
from dreamtext.configs.sections import MaskConfig

_BATCH = 128
_AT = re.compile(r"(.+)@([0-9.]+)")


def mean_score(session: Session, *, timestep: float | None = None, kind: str = "exact") -> Measured:
    """Mean over samples of a score of a word's character masks, averaged over saved timesteps."""
    overlaps = _overlaps(session)
    found = overlaps[kind]  # (M, S): the known samples, the saved timesteps
    times = session.folder.attention_meta["timesteps"]
    if timestep is not None:
        if timestep not in times:
            raise Unavailable(f"no attention was saved at timestep {timestep:g}, only at {times}")
        found = found[:, [times.index(timestep)]]
    values = found.mean(axis=1)
    per_timestep = dict(zip(map("{:g}".format, times), overlaps[kind].mean(0), strict=True))
    details = {
        "layers": session.folder.attention_meta["layers"],
        "by timestep": {t: float(v) for t, v in per_timestep.items()},
    }
    return _measured(session, values, details)


def pooled_iou(session: Session) -> Measured:
    """All characters' intersections over all their unions, over saved timesteps."""
    overlaps, known = _overlaps(session), session.folder.characters[1]
    both, either = overlaps["intersection"].sum(1), overlaps["union"].sum(1)
    return Measured(
        estimate=ratio_bootstrap(both, either),
        backbone=backbone(session.options.masks),
        details={"masks": to_dict(session.options.masks), "known": int(known.sum())},
    )


def ceiling(session: Session) -> Measured:
    """mIoU of perfect masks, taken as attention, after the same blur and threshold."""
    return _measured(session, _ceiling(session), {})


def relative(session: Session) -> Measured:
    """mIoU over its ceiling on the same samples."""
    return Measured(
        estimate=ratio_bootstrap(_overlaps(session)["exact"].mean(1), _ceiling(session)),
        backbone=backbone(session.options.masks),
        details={"masks": to_dict(session.options.masks)},
    )


def backbone(masks: MaskConfig) -> str:
    """The mask settings in one short string: what stands beside an mIoU as its backbone."""
    blur = f"blur {masks.blur_kernel}/{masks.blur_sigma:g}" if masks.blur_kernel > 1 else "no blur"
    return f"{masks.height}x{masks.width}, {blur}, mean+{masks.threshold_std:g}std"


def tolerant_iou(predicted, truth, reach: int = 1):
    """(B, L) IoU of bool masks (B, L, H, W) that forgives borders off by `reach` cells.

    A predicted cell counts as right within `reach` of the truth, and a true cell as found within
    `reach` of the prediction; with p and r those fractions, F = 2 p r / (p + r) is turned into an
    IoU, F / (2 - F). NaN where both are empty. For truths that are quads, not strokes.
    """
    import torch

    from benchmarks.metrics.mask_scores import grown

    def fraction(part, whole):
        count = whole.sum((-2, -1))
        return (part & whole).sum((-2, -1)) / torch.where(count == 0, torch.nan, count.float())

    p, r = fraction(grown(truth, reach), predicted), fraction(grown(predicted, reach), truth)
    one_empty = p.isnan() ^ r.isnan()
    f = torch.where(p + r == 0, 0, 2 * p * r / (p + r))
    return torch.where(one_empty, 0, f / (2 - f))


def truth_at(folder: SampleFolder, size: tuple[int, int]):
    """Ground truth (M, L, H, W) bool of the M samples that have it, and their words' ids (M, L)."""
    import torch

    from dreamtext.objective.masks import ground_truth_masks

    maps, known = folder.characters
    if not known.any():
        raise Unavailable(f"none of the {len(known)} samples has ground-truth character masks")
    words = [r.word for r, k in zip(folder.records, known, strict=True) if k]
    length = max(12, *map(len, words))
    tokens = torch.tensor([charset.encode(word, length) for word in words])
    return ground_truth_masks(torch.from_numpy(maps[known]), length, size), tokens


def _overlaps(session: Session) -> dict[str, np.ndarray]:
    """Per known sample (M) and saved timestep (S): scores of its masks, and counts."""
    if "overlaps" in session.kept:
        return session.kept["overlaps"]
    import torch

    from benchmarks.metrics import mask_scores
    from dreamtext.objective.masks import (
        average_attention,
        intersection_over_union,
        latent_character_masks,
    )

    per_character = {
        "exact": intersection_over_union,
        "tolerant": tolerant_iou,
        "precision": mask_scores.precision,
        "recall": mask_scores.recall,
        "boundary": mask_scores.boundary_f,
    }
    folder, config = session.folder, session.options.masks
    meta, known = folder.attention_meta, folder.characters[1]
    truth, tokens = truth_at(folder, (config.height, config.width))
    rows: dict[str, list] = {k: [] for k in (*per_character, "intersection", "union")}
    for timestep in meta["timesteps"]:
        attention = folder.attention(timestep)
        found: dict[str, list] = {key: [] for key in rows}
        for start in range(0, len(truth), _BATCH):
            part = slice(start, start + _BATCH)
            maps = {n: torch.from_numpy(a[known][part]).float() for n, a in attention.items()}
            length = min(m.shape[1] for m in maps.values())
            real, ids = truth[part, :length], tokens[part, :length]
            masks = latent_character_masks(average_attention(maps, config), ids, config)
            for kind, score in per_character.items():
                found[kind].append(score(masks, real).nanmean(1))
            found["intersection"].append((masks & real).sum((1, 2, 3)))
            found["union"].append((masks | real).sum((1, 2, 3)))
        for key, parts in found.items():
            rows[key].append(torch.cat(parts))
    result = {key: torch.stack(parts, 1).double().numpy() for key, parts in rows.items()}
    return session.kept.setdefault("overlaps", result)


def _ceiling(session: Session) -> np.ndarray:
    """(M,) IoU of perfect masks of the known samples after blur and threshold."""
    from dreamtext.objective.masks import average_attention, intersection_over_union, threshold

    config = session.options.masks
    truth, _ = truth_at(session.folder, (config.height, config.width))
    perfect = threshold(average_attention({"truth": truth.float()}, config), config.threshold_std)
    return intersection_over_union(perfect, truth).nanmean(1).double().numpy()


def measured_where_known(
    session: Session, values: np.ndarray, *, backbone: str, details: dict
) -> Measured:
    """Values (M,) of the samples with ground truth; the others, and NaN, have none."""
    known = session.folder.characters[1]
    per_image = np.full(len(known), np.nan)
    per_image[known] = values
    found = values[~np.isnan(values)]
    if not len(found):
        raise Unavailable(f"the character masks of all {len(values)} samples are empty")
    return Measured(
        estimate=bootstrap(found), backbone=backbone, per_image=per_image.tolist(), details=details
    )


def _measured(session: Session, values: np.ndarray, details: dict) -> Measured:
    masks = session.options.masks
    details = {"masks": to_dict(masks), **details}
    return measured_where_known(session, values, backbone=backbone(masks), details=details)


KINDS = {
    "mIoU": "exact",
    "mIoU-tolerant": "tolerant",
    "mask-precision": "precision",
    "mask-recall": "recall",
    "mask-boundary-F": "boundary",
}


def at_timestep(name: str) -> Metric | None:
    """`mIoU@0.3` and the like: the metric at one saved timestep; None for other names."""
    match = _AT.fullmatch(name)
    if not match or match[1] not in KINDS:
        return None
    return _metric(name, partial(mean_score, timestep=float(match[2]), kind=KINDS[match[1]]))


_AGREES = {
    "mIoU": ("torchmetrics",),
    "mask-precision": ("scikit-learn",),
    "mask-recall": ("scikit-learn",),
}


def _metric(name: str, measure, interval: Interval = "bootstrap over images") -> Metric:
    return Metric(
        name=name,
        version=1,
        direction="higher",
        unit="fraction",
        reads="attention",
        view="whole",
        interval=interval,
        agrees_with=_AGREES.get(name.partition("@")[0], ()),
        measure=measure,
    )


METRICS = [
    *(_metric(name, partial(mean_score, kind=kind)) for name, kind in KINDS.items()),
    _metric("mIoU-ceiling", ceiling),
    _metric("mIoU-relative", relative, "bootstrap of a ratio"),
    _metric("mIoU-pooled", pooled_iou, "bootstrap of a ratio"),
]
