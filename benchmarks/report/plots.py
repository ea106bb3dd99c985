"""Figures of a study: scores with intervals, mIoU while training, sheets of painted words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.study import Cell, Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by colour-blind readers and in grey.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")


def _figure(columns: int, rows: int = 1, width: float = 2.6, height: float = 2.6) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width * columns + 0.4, height * rows), layout="constrained", dpi=160)


def _save(figure: "Figure", path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def scores(study: Study, table: "pd.DataFrame", path: Path) -> None:
    """One panel a metric and row a task: mean over seeds with its interval, each seed a dot."""
    metrics = [m for m in study.metrics if m in set(table.metric)]
    tasks = [b.task for b in study.benchmarks]
    figure = _figure(len(metrics), len(tasks))
    axes = figure.subplots(len(tasks), len(metrics), squeeze=False)
    for row, task in enumerate(tasks):
        for column, metric in enumerate(metrics):
            axis = axes[row][column]
            here = table[(table.task == task) & (table.metric == metric)]
            drawn = False
            for place, variant in enumerate(study.variants):
                own = here[here.variant == variant.name]
                seeds = own[own.seed != "all"].value.dropna()
                total = own[own.seed == "all"]
                colour = COLOURS[place % len(COLOURS)]
                reach = 0.15 * (len(seeds) > 1)
                spread = place + np.linspace(-reach, reach, len(seeds))
                axis.plot(spread, seeds, "o", ms=3, mfc="none", mec=colour)
                drawn |= bool(len(seeds))
                if len(total) and total.value.notna().iloc[0]:
                    one = total.iloc[0]
                    axis.errorbar(
                        place,
                        one.value,
                        [[max(0, one.value - one.low)], [max(0, one.high - one.value)]],
                        fmt="_",
                        ms=14,
                        capsize=4,
                        color=colour,
                    )
            axis.set_title(metric, fontsize=8)
            axis.set_xticks(range(len(study.variants)), [v.name for v in study.variants])
            axis.tick_params(labelsize=7)
            axis.tick_params(axis="x", rotation=20 if len(study.variants) > 3 else 0)
            axis.set_xlim(-0.5, len(study.variants) - 0.5)
            axis.margins(y=0.1)
            if metric.startswith(("SeqAcc", "NED", "mIoU")):
                axis.set_ylim(bottom=0, top=min(axis.get_ylim()[1], 1.05))
            if column == 0:
                axis.set_ylabel(task, fontsize=8)
            if not drawn:
                axis.set_axis_off()
                axis.text(0.5, 0.5, "not measured", transform=axis.transAxes, ha="center")
    _save(figure, path)


def training(study: Study, cells: Sequence[Cell], path: Path) -> bool:
    """Validation mIoU against the step, a thin line a seed, a thick one their mean; False if no
    cell was trained."""
    curves: dict[str, list[dict[int, float]]] = {}
    for cell in {c.train.name: c for c in cells if c.train}.values():
        log = cell.train.log() if cell.train else []
        points = {
            line["step"]: line["validation_miou"]
            for line in log
            if line.get("validation_miou") is not None
        }
        if points:
            curves.setdefault(cell.variant.name, []).append(points)
    if not curves:
        return False
    figure = _figure(1, width=4.6, height=3.0)
    axis = figure.subplots()
    for place, variant in enumerate(study.variants):
        colour = COLOURS[place % len(COLOURS)]
        own = curves.get(variant.name, [])
        for points in own:
            axis.plot(list(points), list(points.values()), color=colour, lw=0.6, alpha=0.5)
        steps = sorted(set.intersection(*(set(p) for p in own))) if own else []
        if steps:
            mean = [float(np.mean([p[s] for p in own])) for s in steps]
            axis.plot(steps, mean, "o-", ms=3, color=colour, lw=1.8, label=variant.name)
    axis.set_xlabel("training step")
    axis.set_ylabel("mIoU of latent character masks")
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8, frameon=False)
    _save(figure, path)
    return True


def sheet(
    study: Study, cells: Sequence[Cell], path: Path, *, task: str = "reconstruction", n: int = 8
) -> bool:
    """The same words across variants: the photograph, then a row a variant as painted by its
    first seed, each above its latent character masks; False if nothing was sampled."""
    from PIL import Image, ImageDraw

    chosen = {}
    for cell in cells:
        if cell.benchmark.task == task and cell.sample.state == "done":
            chosen.setdefault(cell.variant.name, cell)
    if not chosen:
        return False
    first = next(iter(chosen.values()))
    rows = [("photograph", _pictures(first.sample.folder, "truth", n))]
    for variant in study.variants:
        if variant.name not in chosen:
            continue
        folder = chosen[variant.name].sample.folder
        rows.append((variant.name, _pictures(folder, "composited", n)))
        masks = mask_pictures(chosen[variant.name], n)
        if masks is not None:
            rows.append(("its masks", masks))
    height, width = rows[0][1].shape[1:3]
    scale = max(1, 128 // height)
    margin, gap = 90, 4
    size = (margin + n * (width * scale + gap), len(rows) * (height * scale + gap))
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    for row, (title, pictures) in enumerate(rows):
        y = row * (height * scale + gap)
        pen.text((4, y + height * scale // 2 - 6), title, fill="black")
        for column, picture in enumerate(pictures):
            big = Image.fromarray(picture).resize((width * scale, height * scale), 0)
            canvas.paste(big, (margin + column * (width * scale + gap), y))
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path)
    return True


def _pictures(folder: Path, kind: str, n: int) -> np.ndarray:
    from PIL import Image

    from benchmarks.samples.folder import SampleFolder

    records = SampleFolder(folder).records[:n]
    return np.stack([np.asarray(Image.open(folder / kind / f"{r.id}.png")) for r in records])


def mask_pictures(cell: Cell, n: int, level: float | None = None) -> np.ndarray | None:
    """(n, H, W, 3) photographs with the latent character masks of a cell's run over them, one
    hue a character; None where no attention was saved."""
    import torch

    from benchmarks.launch.stages import config_of
    from benchmarks.samples.folder import ATTENTION, SampleFolder
    from dreamtext.objective.masks import average_attention, latent_character_masks

    folder = cell.sample.folder
    if not (folder / ATTENTION).exists():
        return None
    config = config_of(cell.sample)
    levels = config.sampling.attention_timesteps
    level = level or levels[len(levels) // 2]
    with np.load(folder / ATTENTION) as saved:
        maps = {
            key: torch.from_numpy(saved[key][:n].astype(np.float32))
            for key in saved.files
            if key.startswith(f"{level:g}/")
        }
    words = [r.source_word for r in SampleFolder(folder).records[:n]]
    length = config.data.max_length
    tokens = torch.tensor([[1] * len(w) + [0] * (length - len(w)) for w in words])
    masks = latent_character_masks(average_attention(maps, config.masks), tokens, config.masks)
    return overlay(_pictures(folder, "truth", n), masks.numpy())


def overlay(pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Colour (n, L, h, w) bool masks over darkened (n, H, W, 3) pictures."""
    from colorsys import hsv_to_rgb

    out = (pictures * 0.45).astype(np.float32)
    rows = np.arange(pictures.shape[1]) * masks.shape[2] // pictures.shape[1]
    columns = np.arange(pictures.shape[2]) * masks.shape[3] // pictures.shape[2]
    fine = masks[:, :, rows][:, :, :, columns]
    for place in range(masks.shape[1]):
        colour = np.array(hsv_to_rgb(place * 0.27 % 1, 0.9, 1.0)) * 255
        out[fine[:, place]] = 0.4 * out[fine[:, place]] + 0.6 * colour
    return out.round().astype(np.uint8)
