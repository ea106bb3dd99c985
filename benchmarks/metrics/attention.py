"""How well the attention itself finds the characters, without any blur or threshold."""

from functools import partial

import numpy as np

from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.overlap import measured_where_known, truth_at
from benchmarks.samples.folder import Unavailable

_BATCH = 64
ALL_LAYERS = "all"


def attention_score(session: Session, *, kind: str) -> Measured:
    """Mean over samples of a word's characters, averaged over saved timesteps: of the layers'
    mean as the masks take it. `details` has the same for each layer and timestep.

    Args:
        kind: "AP" (average precision per character) or "mass" (share inside the true mask).
    """
    scores = _scores(session)
    whole = np.stack([v[kind] for (layer, _), v in scores.items() if layer == ALL_LAYERS])
    table: dict[str, dict[str, float]] = {}
    for (layer, timestep), values in scores.items():
        table.setdefault(layer, {})[f"{timestep:g}"] = round(float(values[kind].mean()), 5)
    height, width = session.options.masks.height, session.options.masks.width
    return measured_where_known(
        session,
        whole.mean(0),
        backbone=f"attention at {height}x{width}, no blur",
        details={"by layer and timestep": table},
    )


def _scores(session: Session) -> dict[tuple[str, float], dict[str, np.ndarray]]:
    """By layer (and "all") and timestep: values (M,) of the samples with ground truth."""
    if "attention" in session.kept:
        return session.kept["attention"]
    import torch

    from benchmarks.metrics.mask_scores import average_precision, mass_inside

    folder, masks = session.folder, session.options.masks
    size = (masks.height, masks.width)
    known = np.flatnonzero(folder.characters[1])
    truth, tokens = truth_at(folder, size)
    found: dict[tuple[str, float], dict[str, np.ndarray]] = {}
    for timestep in folder.attention_meta["timesteps"]:
        saved = folder.attention(timestep)
        large = [n for n, m in saved.items() if min(m.shape[-2:]) >= masks.min_size]
        if not large:
            raise Unavailable(f"no saved layer has a side of masks.min_size = {masks.min_size}")
        parts: dict[str, dict[str, list]] = {}
        for start in range(0, len(known), _BATCH):
            chosen = known[start : start + _BATCH]
            total = torch.zeros(())
            for name in (*saved, ALL_LAYERS):
                if name == ALL_LAYERS:
                    maps = total / len(large)
                else:
                    maps = torch.from_numpy(saved[name][chosen]).float()
                    if maps.shape[-2:] != size:
                        exact = {} if masks.resize == "nearest" else {"align_corners": False}
                        maps = torch.nn.functional.interpolate(
                            maps, size, mode=masks.resize, **exact
                        )
                    total = total + maps if name in large else total
                length = min(maps.shape[1], truth.shape[1])
                real = truth[start : start + _BATCH, :length]
                real = real & (tokens[start : start + _BATCH, :length] != 0)[..., None, None]
                own = parts.setdefault(name, {"AP": [], "mass": []})
                own["AP"].append(average_precision(maps[:, :length], real).nanmean(1))
                own["mass"].append(mass_inside(maps[:, :length], real).nanmean(1))
        for name, columns in parts.items():
            found[(name, timestep)] = {k: torch.cat(v).numpy() for k, v in columns.items()}
    return session.kept.setdefault("attention", found)


METRICS = [
    Metric(
        name=f"attention-{kind}",
        version=1,
        direction="higher",
        unit="fraction",
        reads="attention",
        view="whole",
        interval="bootstrap over images",
        agrees_with=("scikit-learn",) if kind == "AP" else (),
        measure=partial(attention_score, kind=kind),
    )
    for kind in ("AP", "mass")
]
