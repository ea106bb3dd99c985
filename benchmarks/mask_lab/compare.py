"""Two sets of masks side by side against ground truth: two runs, or a run and a folder of masks.

A folder of masks holds `<id>.png` for the samples it knows: 8-bit index maps of the image's size,
k where the word's k-th character stands and 0 elsewhere, as the ground truth has it.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.mask_lab.attention import Attention
from benchmarks.mask_lab.rules import iou
from benchmarks.mask_lab.sweep import Setting, masks_of
from benchmarks.metrics.statistics import Estimate, bootstrap, paired_bootstrap
from dreamtext.errors import UserError


class Comparison(NamedTuple):
    """mIoU of both, their difference a - b over the same samples, and the values (N,) behind."""

    a: Estimate
    b: Estimate
    difference: Estimate
    values_a: np.ndarray
    values_b: np.ndarray


def compare(attention: Attention, a: Tensor, b: Tensor) -> Comparison:
    """Two sets of masks (M, H, W) of the same characters."""
    values = []
    for masks in (a, b):
        inside = (masks & attention.truth).flatten(1).sum(1)
        union = (masks | attention.truth).flatten(1).sum(1)
        values.append(attention.by_sample(iou(inside, union)).numpy())
    return Comparison(
        bootstrap(values[0]), bootstrap(values[1]), paired_bootstrap(*values), *values
    )


def other_masks(attention: Attention, other: Path | Attention, setting: Setting) -> Tensor:
    """Masks (M, H, W) of the same samples from another run, or from a folder of masks.

    Raises:
        UserError: other samples, or masks of another resolution: both numbers and what to do.
    """
    if isinstance(other, Path):
        return _from_folder(attention, other)
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
    return masks_of(other, setting)


def _from_folder(attention: Attention, folder: Path) -> Tensor:
    import cv2

    from dreamtext.objective.masks import ground_truth_masks

    truth, _ = attention.folder.characters
    height, width = truth.shape[1:]
    maps = np.zeros((len(attention.known), height, width), np.uint8)
    missing: list[str] = []
    for place, index in enumerate(attention.known):
        file = folder / f"{attention.folder.ids[index]}.png"
        found = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if found is None:
            missing.append(file.name)
            continue
        if found.shape != (height, width):
            raise UserError(
                f"'{file}' has the shape {found.shape}, but ground truth is {height} x {width}; "
                "give 8-bit index maps of the image's size, resized with nearest neighbour only"
            )
        maps[place] = found
    if missing:
        raise UserError(
            f"'{folder}' holds masks of {len(maps) - len(missing)} of the {len(maps)} samples "
            f"(none for '{missing[0]}', for instance); give one <id>.png for each"
        )
    masks = ground_truth_masks(torch.from_numpy(maps), attention.rows.shape[1], attention.size)
    return masks[attention.rows]
