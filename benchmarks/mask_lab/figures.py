"""Pictures of the mask laboratory: heat maps of settings, characters, confusion, galleries."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.mask_lab.attention import ALL_LAYERS, Attention
from benchmarks.mask_lab.rules import iou
from benchmarks.mask_lab.sweep import Setting, Sweep, only

# Six colours that differ also for the colour-blind (Okabe & Ito), repeated along a word.
COLOURS = np.array(
    [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [213, 94, 0], [204, 121, 167]]
)


def heat_map(result: Sweep, own: Setting, path: Path) -> None:
    """mIoU of every rule (rows) under every blur and timestep (columns), all layers together."""
    plt = _pyplot()
    part = only(result, layers=ALL_LAYERS)
    part = part if part.settings else result
    rules = list(dict.fromkeys(str(s.rule) for s in part.settings))
    places = sorted({(s.timestep, s.kernel, s.sigma) for s in part.settings})
    values = np.full((len(rules), len(places)), np.nan)
    for setting, value in zip(part.settings, part.overlap.mean(0), strict=True):
        column = places.index((setting.timestep, setting.kernel, setting.sigma))
        values[rules.index(str(setting.rule)), column] = value
    figure, axes = plt.subplots(figsize=(2.6 + 0.52 * len(places), 1.4 + 0.27 * len(rules)))
    picture = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0)
    axes.set_yticks(range(len(rules)), rules, fontsize=8)
    blurs = [f"{k}/{s:g}" if k > 1 else "none" for _, k, s in places]
    axes.set_xticks(range(len(places)), blurs, rotation=60, fontsize=8)
    axes.set_xlabel("blur (kernel/sigma, cells), by timestep")
    for timestep in sorted({p[0] for p in places}):
        columns = [i for i, p in enumerate(places) if p[0] == timestep]
        axes.text(np.mean(columns), -0.9, f"t = {timestep:g}", ha="center", fontsize=9)
        if columns[0]:
            axes.axvline(columns[0] - 0.5, color="white", linewidth=2)
    bright = 0.6 * np.nanmax(values)
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if value > bright else "white"
        axes.text(
            column, row, f"{value:.2f}"[1:], ha="center", va="center", fontsize=6, color=colour
        )
    if str(own.rule) in rules:
        for column, (_, kernel, sigma) in enumerate(places):
            if (kernel, sigma) == (own.kernel, own.sigma):
                corner = (column - 0.5, rules.index(str(own.rule)) - 0.5)
                axes.add_patch(plt.Rectangle(corner, 1, 1, fill=False, color="red", linewidth=1.5))
    figure.colorbar(picture, label="mIoU (red: the run's own setting)")
    _save(figure, path)


def layers(result: Sweep, own: Setting, path: Path) -> None:
    """mIoU of each layer at each timestep, under the run's own blur and rule."""
    plt = _pyplot()
    part = only(result, kernel=own.kernel, sigma=own.sigma, rule=own.rule)
    names = list(dict.fromkeys(s.layers for s in part.settings))
    times = sorted({s.timestep for s in part.settings})
    values = np.full((len(names), len(times)), np.nan)
    for setting, value in zip(part.settings, part.overlap.mean(0), strict=True):
        values[names.index(setting.layers), times.index(setting.timestep)] = value
    figure, axes = plt.subplots(figsize=(3.4 + 0.8 * len(times), 1.2 + 0.4 * len(names)))
    picture = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0)
    short = [_short(name) for name in names]
    axes.set_yticks(range(len(names)), short, fontsize=8)
    axes.set_xticks(range(len(times)), [f"{t:g}" for t in times])
    axes.set_xlabel("timestep (1: noise)")
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if value > 0.6 * np.nanmax(values) else "white"
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(picture, label="mIoU")
    _save(figure, path)


def characters(attention: Attention, masks: Tensor, title: str, path: Path) -> None:
    """IoU by letter and by place in the word, and whose ground truth each mask covers."""
    plt = _pyplot()
    inside = (masks & attention.truth).flatten(1).sum(1)
    union = (masks | attention.truth).flatten(1).sum(1)
    values = iou(inside, union).numpy()
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(13, 3.4), gridspec_kw={"width_ratios": [2.6, 1, 1.3]}
    )
    names, means = _grouped(attention.letters, values)
    order = np.argsort(means)[::-1]
    left.bar([names[i] for i in order], [means[i] for i in order], color="#0072b2")
    left.set_ylabel("IoU")
    left.set_xlabel("character")
    left.tick_params(axis="x", labelsize=7)
    places, means = _grouped(attention.position.tolist(), values)
    middle.bar([p + 1 for p in places], means, color="#0072b2")
    middle.set_xticks([p + 1 for p in places])
    middle.set_xlabel("place in the word")
    matrix = confusion(attention, masks)
    picture = right.imshow(matrix, cmap="magma", vmin=0, vmax=1)
    count = len(matrix)
    right.set_xticks(range(count + 1), [*(str(i + 1) for i in range(count)), "none"])
    right.set_yticks(range(count), [str(i + 1) for i in range(count)])
    right.set_xlabel("ground truth of character")
    right.set_ylabel("mask of character")
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            colour = "black" if value > 0.6 else "white"
            right.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour
            )
    figure.colorbar(picture, label="share of the mask's cells")
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def confusion(attention: Attention, masks: Tensor) -> np.ndarray:
    """(P, P + 1): of the cells of the masks of the i-th characters, the share on the j-th ones'
    ground truth; the last column is on none's. Rows of empty masks are NaN."""
    places = int(attention.position.max()) + 1
    cells = torch.zeros(places, places + 1, dtype=torch.float64)
    words = torch.zeros(len(attention.known), places, *attention.size, dtype=torch.bool)
    words[attention.sample, attention.position] = attention.truth
    covered = (masks[:, None] & words[attention.sample]).flatten(2).sum(2).double()
    cells[:, :places].index_add_(0, attention.position, covered)
    none = (masks & ~words.any(1)[attention.sample]).flatten(1).sum(1).double()
    cells[:, places].index_add_(0, attention.position, none)
    total = masks.flatten(1).sum(1).double()
    whole = torch.zeros(places, dtype=torch.float64).index_add_(0, attention.position, total)
    return (cells / torch.where(whole == 0, torch.nan, whole)[:, None]).numpy()


def gallery(
    attention: Attention,
    chosen: Sequence[int],
    columns: dict[str, Tensor],
    captions: Sequence[str],
    path: Path,
    *,
    title: str = "",
) -> None:
    """A row per chosen sample: the image, ground truth, and each column's masks (M, H, W)."""
    plt = _pyplot()
    shown = {"ground truth": attention.truth, **columns}
    across = 1 + len(shown)
    size = (2.1 * across, 1.25 * len(chosen))
    figure, grid = plt.subplots(len(chosen), across, figsize=size, squeeze=False)
    if title:
        figure.suptitle(title, fontsize=9, y=0.94)
    for row, (place, caption) in enumerate(zip(chosen, captions, strict=True)):
        image = attention.folder.image(attention.folder.reference, int(attention.known[place]))
        grid[row][0].imshow(image)
        grid[row][0].set_ylabel(caption, fontsize=7, rotation=0, ha="right", va="center")
        for axes, (name, masks) in zip(grid[row][1:], shown.items(), strict=True):
            axes.imshow(overlaid(image, masks[attention.sample == place].numpy()))
            if row == 0:
                axes.set_title(name, fontsize=8)
    grid[0][0].set_title("image", fontsize=8)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    _save(figure, path)


def overlaid(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The image in grey (H, W, 3) with character masks (L, h, w) laid over it in colours."""
    import cv2

    height, width = image.shape[:2]
    picture = np.repeat(image.mean(2, keepdims=True), 3, 2) * 0.6 + 60
    for number, mask in enumerate(masks):
        large = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        colour = COLOURS[number % len(COLOURS)]
        picture[large > 0] = 0.35 * picture[large > 0] + 0.65 * colour
    return picture.astype(np.uint8)


def _grouped(keys: Sequence, values: np.ndarray) -> tuple[list, list[float]]:
    names = sorted(set(keys))
    return names, [float(np.nanmean(values[[k == name for k in keys]])) for name in names]


def _short(layer: str) -> str:
    """`up_blocks.1.attentions.0.transformer_blocks.0` -> `up 1.0`."""
    parts = layer.replace("_blocks", "").replace("_block", "").split(".")
    numbers = [p for p in parts[1:3:2] if p.isdigit()] + [p for p in parts[3:4] if p.isdigit()]
    return " ".join([parts[0], ".".join(numbers)]).strip()


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _save(figure, path: Path) -> None:
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
