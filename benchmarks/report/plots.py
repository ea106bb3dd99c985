"""Figures of a study: scores with intervals, mIoU while training, sheets of painted words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.launch.stages import config_of
from benchmarks.study import Cell, Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from benchmarks.cells.gallery import Gallery

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
    tasks = [b.name for b in study.benchmarks]
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
    for cell in {c.train.name: c for c in cells if c.train and c.done}.values():
        log = cell.scored.log()
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
        if cell.benchmark.name == task and cell.done:
            chosen.setdefault(cell.variant.name, cell)
    if not chosen:
        return False
    galleries = {name: cell.scored.gallery() for name, cell in chosen.items()}
    rows = [("photograph", next(iter(galleries.values())).pictures["truth"][:n])]
    for variant in study.variants:
        if variant.name not in chosen:
            continue
        shown = galleries[variant.name]
        rows.append((variant.name, shown.pictures["composited"][:n]))
        if shown.maps:
            deviations = config_of(chosen[variant.name].sample).masks.threshold_std
            rows.append(("its masks", mask_pictures(shown, n, deviations)))
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


def mask_pictures(gallery: "Gallery", n: int, deviations: float) -> np.ndarray:
    """(n, H, W, 3) true pictures with latent character masks over them, one hue a character: where
    the average attention at the middle noise level is above its mean + `deviations` x std."""
    levels = [name for name in gallery.maps if "/" not in name]
    average = gallery.maps[levels[len(levels) // 2]][:n]
    over = {"axis": (2, 3), "keepdims": True}
    masks = average > average.mean(**over) + deviations * average.std(ddof=1, **over)
    for own, word in zip(masks, gallery.words[:n], strict=True):
        own[len(word) :] = False
    pictures = gallery.pictures.get("target", gallery.pictures["truth"])
    return overlay(pictures[:n], masks)


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
