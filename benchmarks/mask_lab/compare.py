"""Two sets of masks side by side against ground truth: two runs, or a run and a folder of masks.

A folder of masks holds, for each sample it knows, one of

    <id>.png    8-bit index map of the image's size: k where the word's k-th character stands, 0
                elsewhere, as the ground truth has it
    <id>.npy    soft maps (L, h, w) of the word's L characters, not negative, of any size: masks
                are then made by the run's own blur and rule, and the maps themselves are scored
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.mask_lab.attention import ALL_LAYERS, Attention
from benchmarks.mask_lab.rules import iou
from benchmarks.mask_lab.sweep import Setting, blurred, region_share
from benchmarks.metrics import mask_scores
from benchmarks.metrics.statistics import Estimate, bootstrap, paired_bootstrap
from dreamtext.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


class Marks(NamedTuple):
    """Masks (M, H, W) bool, and the maps (M, H, W) they come from, where there are any."""

    masks: Tensor
    maps: Tensor | None = None


class Comparison(NamedTuple):
    """A score of both, their difference a - b over the same samples, and the values (N,) behind."""

    a: Estimate
    b: Estimate
    difference: Estimate
    values_a: np.ndarray
    values_b: np.ndarray


def marks_of(attention: Attention, setting: Setting) -> Marks:
    """A run's masks under one setting, and its attention without any blur."""
    average, _ = attention.average(setting.timestep, setting.layers)
    return _marks(attention, average, setting)


def scores(attention: Attention, marks: Marks) -> dict[str, np.ndarray]:
    """(N,) means over each sample's characters; AP and mass only of maps."""
    masks, truth = marks.masks, attention.truth
    inside, union = (masks & truth).flatten(1).sum(1), (masks | truth).flatten(1).sum(1)
    found = {
        "IoU": iou(inside, union),
        "precision": mask_scores.precision(masks, truth),
        "recall": mask_scores.recall(masks, truth),
        "boundary F": mask_scores.boundary_f(masks, truth),
    }
    if marks.maps is not None:
        found["AP"] = mask_scores.average_precision(marks.maps, truth)
        found["mass inside"] = mask_scores.mass_inside(marks.maps, truth)
    return {name: attention.by_sample(values).numpy() for name, values in found.items()}


def compare(attention: Attention, a: Marks, b: Marks) -> dict[str, Comparison]:
    """Two sets of masks of the same characters, by every score that both have."""
    own, other = scores(attention, a), scores(attention, b)
    return {
        name: Comparison(
            bootstrap(own[name]),
            bootstrap(other[name]),
            paired_bootstrap(own[name], other[name]),
            own[name],
            other[name],
        )
        for name in own
        if name in other
    }


def by_layer(attention: Attention, setting: Setting) -> "pd.DataFrame":
    """A row for each saved noise level and layer (and "all" of them): the mean of every score,
    masks being made from that layer alone by the setting's blur and rule."""
    import pandas as pd

    rows = []
    for timestep in attention.timesteps:
        for layer in (ALL_LAYERS, *attention.layers):
            marks = marks_of(attention, setting.at(timestep, layer))
            means = {k: float(v.mean()) for k, v in scores(attention, marks).items()}
            rows.append({"timestep": timestep, "layers": layer, **means})
    return pd.DataFrame(rows)


def other_marks(attention: Attention, other: Path | Attention, setting: Setting) -> Marks:
    """Masks of the same samples from another run, or from a folder of masks.

    Raises:
        UserError: other samples, or masks of another resolution: both numbers and what to do.
    """
    if isinstance(other, Path):
        return _from_folder(attention, other, setting)
    ids, theirs = attention.folder.ids, other.folder.ids
    if ids != theirs:
        shared = len(set(ids) & set(theirs))
        raise UserError(
            f"'{attention.folder.path}' has {len(ids)} samples and '{other.folder.path}' "
            f"{len(theirs)}, of which {shared} agree; compare runs sampled from one manifest"
        )
    if other.size != attention.size:
        raise UserError(
            f"'{attention.folder.path}' has masks of {attention.size[0]} x {attention.size[1]} "
            f"cells and '{other.folder.path}' of {other.size[0]} x {other.size[1]}; compare runs "
            "with the same masks.height and masks.width"
        )
    return marks_of(other, setting)


def is_folder_of_masks(folder: Path) -> bool:
    """Whether a folder holds masks or maps by sample."""
    return folder.is_dir() and any(p.suffix in (".png", ".npy") for p in folder.iterdir())


def _marks(attention: Attention, average: Tensor, setting: Setting) -> Marks:
    kernel = (setting.kernel, setting.sigma)
    maps = blurred(attention, average, kernel, region_share(attention))
    return Marks(maps.masks(setting.rule), average)


def _from_folder(attention: Attention, folder: Path, setting: Setting) -> Marks:
    names = [attention.folder.ids[index] for index in attention.known]
    suffix = ".npy" if (folder / f"{names[0]}.npy").is_file() else ".png"
    missing = [name for name in names if not (folder / f"{name}{suffix}").is_file()]
    if missing:
        raise UserError(
            f"'{folder}' holds masks of {len(names) - len(missing)} of the {len(names)} samples "
            f"(none for '{missing[0]}{suffix}', for instance); give one <id>{suffix} for each"
        )
    files = [folder / f"{name}{suffix}" for name in names]
    return _soft(attention, files, setting) if suffix == ".npy" else _hard(attention, files)


def _hard(attention: Attention, files: list[Path]) -> Marks:
    import cv2

    from dreamtext.objective.masks import ground_truth_masks

    size = attention.folder.characters[0].shape[1:]
    maps = np.zeros((len(files), *size), np.uint8)
    for place, file in enumerate(files):
        found = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if found is None or found.shape != size:
            shape = "is no picture" if found is None else f"has the shape {found.shape}"
            raise UserError(
                f"'{file}' {shape}, but ground truth is {size[0]} x {size[1]}; give 8-bit index "
                "maps of the image's size, resized with nearest neighbour only"
            )
        maps[place] = found
    masks = ground_truth_masks(torch.from_numpy(maps), attention.rows.shape[1], attention.size)
    return Marks(masks[attention.rows])


def _soft(attention: Attention, files: list[Path], setting: Setting) -> Marks:
    lengths = attention.rows.sum(1).tolist()
    rows = []
    for file, length in zip(files, lengths, strict=True):
        try:
            maps = np.load(file, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(f"'{file}' cannot be read as an array: {error}") from error
        numbers = np.issubdtype(maps.dtype, np.number)
        if maps.ndim != 3 or len(maps) < length or not numbers or not (maps >= 0).all():
            raise UserError(
                f"'{file}' holds {maps.dtype} of the shape {maps.shape}; expected are maps that "
                f"are nowhere negative, (L, h, w) with L at least {length}, one a character"
            )
        own = torch.from_numpy(maps[:length].astype(np.float32))
        rows.append(_resized(own, attention.size))
    return _marks(attention, torch.cat(rows), setting)


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Averaged where they are finer, interpolated where they are coarser."""
    from torch.nn.functional import adaptive_avg_pool2d, interpolate

    if maps.shape[-2] >= size[0] and maps.shape[-1] >= size[1]:
        return adaptive_avg_pool2d(maps, size)
    return interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]
