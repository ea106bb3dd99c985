"""What the laboratory writes into a folder: tables, figures and a page of text."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.mask_lab import compare as comparing
from benchmarks.mask_lab import figures, relation
from benchmarks.mask_lab.attention import ALL_LAYERS, Attention
from benchmarks.mask_lab.sweep import (
    RULES,
    Setting,
    Sweep,
    cross_fitted,
    default_setting,
    masks_of,
    only,
    sweep,
)
from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import score_samples
from benchmarks.metrics.statistics import Estimate, bootstrap, paired_bootstrap
from benchmarks.samples.folder import SAMPLES, SampleFolder
from dreamtext.configs.sections import MaskConfig
from dreamtext.errors import UserError

GALLERY = 8


def open_run(run: str | Path, root: Path) -> tuple[Attention, str]:
    """The saved attention of a run and its title: a folder of samples, or a run's name in `root`.

    Raises:
        UserError: neither of the two, or a run of another stage or not finished.
    """
    from benchmarks.runs.folder import SPEC, load
    from dreamtext.configs.schema import from_dict

    folder = Path(run) if Path(run).is_dir() else root / run
    if (folder / SPEC).is_file():
        found = load(folder.resolve())
        if found.stage != "sample" or found.state != "done":
            raise UserError(
                f"'{folder}' is a {found.stage} stage and {found.state}; the laboratory reads "
                "finished sample stages (runs/sample-...) of the task reconstruction"
            )
        masks = from_dict(MaskConfig, found.settings["config"]["masks"])
        return Attention(SampleFolder(folder), masks), found.title or folder.name
    if not (folder / SAMPLES).is_file():
        raise UserError(
            f"'{run}' is neither a folder of samples nor the name of a run in '{root}'; give "
            "runs/sample-<signature>, or any folder with samples.jsonl and attention.npz"
        )
    return Attention(SampleFolder(folder), MaskConfig()), folder.name


def write_sweep(attention: Attention, title: str, result: Sweep, out: Path) -> str:
    """Write `sweep.csv`, figures, galleries and `summary.md`; returns the summary."""
    out.mkdir(parents=True, exist_ok=True)
    result.table().to_csv(out / "sweep.csv", index=False, float_format="%.4f")
    best = result.settings[int(result.overlap.mean(0).argmax())]
    last = max(s.timestep for s in result.settings)
    own = replace(default_setting(attention), timestep=best.timestep)
    if own not in result.settings:
        own = next(s for s in result.settings if s.timestep == last)
    figures.heat_map(result, own, out / "settings.png")
    figures.layers(result, own, out / "layers.png")
    masks = masks_of(attention, own)
    figures.characters(attention, masks, f"{title}: {own}", out / "characters.png")
    column = result.column(own)
    order = np.argsort(column)
    shown = {f"own: {_brief(own)}": masks, f"best: {_brief(best)}": masks_of(attention, best)}
    for name, chosen in (("worst", order[:GALLERY]), ("best", order[::-1][:GALLERY])):
        captions = [_caption(attention, i, column[i]) for i in chosen]
        figures.gallery(attention, chosen.tolist(), shown, captions, out / f"{name}.png")
    text = _summary(title, result, own, best)
    (out / "summary.md").write_text(text)
    return text


def _summary(title: str, result: Sweep, own: Setting, best: Setting) -> str:
    column, n = result.column(own), len(result.overlap)
    fitted, chosen = cross_fitted(result)
    oracle = result.oracle[(own.timestep, own.layers, own.kernel, own.sigma)]
    rows = [
        ("the run's own setting", str(own), bootstrap(column)),
        ("best of the sweep (chosen on these samples)", str(best), bootstrap(result.column(best))),
        ("chosen on the other half of the samples", _both(chosen), bootstrap(fitted)),
        ("gain of the line above over the own setting", "", paired_bootstrap(fitted, column)),
        ("best threshold of every single map (own blur)", "upper bound", bootstrap(oracle)),
    ]
    lines = [f"| {name} | {setting} | {_interval(e)} |" for name, setting, e in rows]
    ceiling = result.ceiling[result.settings.index(own)]
    return (
        f"# Masks of {title}\n\n{len(result.settings)} settings over {n} samples. Perfect masks "
        f"through the run's own blur and rule score {ceiling:.3f}.\n\n"
        "| | setting | mIoU, 95 % interval |\n|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def write_comparison(
    attention: Attention,
    title: str,
    other: Path | Attention,
    other_title: str,
    timestep: float | None,
    out: Path,
) -> str:
    """Write a gallery of the largest differences, `compare.csv` with the values of every sample,
    `layers.csv` with the means of every layer and noise level, and `compare.md`."""
    import pandas as pd

    own = default_setting(attention, timestep)
    theirs = own if isinstance(other, Path) else default_setting(other, own.timestep)
    a = comparing.marks_of(attention, own)
    b = comparing.other_marks(attention, other, theirs)
    found = comparing.compare(attention, a, b)
    out.mkdir(parents=True, exist_ok=True)
    difference = found["IoU"].values_a - found["IoU"].values_b
    order = np.argsort(difference)
    ends = [*order[::-1][: GALLERY // 2], *order[: GALLERY // 2]]
    captions = [_caption(attention, i, difference[i]) for i in ends]
    figures.gallery(
        attention,
        ends,
        {"A": a.masks, "B": b.masks},
        captions,
        out / "compare.png",
        title=f"A: {title}, {own}\nB: {other_title}",
    )
    columns = {
        f"{name}, {side}": values
        for name, one in found.items()
        for side, values in (("A", one.values_a), ("B", one.values_b))
    }
    frame = pd.DataFrame(columns)
    frame.index = pd.Index([attention.folder.ids[i] for i in attention.known], name="id")
    frame.to_csv(out / "compare.csv", float_format="%.4f")
    layers = [comparing.by_layer(attention, own).assign(masks="A")]
    if isinstance(other, Attention):
        layers.append(comparing.by_layer(other, theirs).assign(masks="B"))
    pd.concat(layers).to_csv(out / "layers.csv", index=False, float_format="%.4f")
    rows = "".join(
        f"| {name} | {_interval(one.a)} | {_interval(one.b)} | {_interval(one.difference)} |\n"
        for name, one in found.items()
    )
    text = (
        f"# Masks side by side\n\nA: {title}, {own}. B: {other_title}.\n\n"
        "Means over samples with 95 % intervals; AP (average precision) and the mass inside the "
        "true masks are of the maps themselves, without blur or threshold.\n\n"
        f"| | A | B | A - B, paired |\n|---|---|---|---|\n{rows}"
    )
    (out / "compare.md").write_text(text)
    return text


def relate(
    attention: Attention, title: str, timestep: float | None, options: Options
) -> relation.Values:
    """One run's values for `relation`: masks at one timestep, and the judge's readings."""
    own = default_setting(attention, timestep)
    result = sweep(attention, rules=RULES, layers=[ALL_LAYERS], timesteps=[own.timestep])
    fitted, _ = cross_fitted(only(result, timestep=own.timestep))
    read = {}
    for score in score_samples(attention.folder.path, ["SeqAcc/raw", "NED/raw"], options):
        if score.value is None:
            raise UserError(f"{score.metric} of '{attention.folder.path}': {score.reason}")
        values = list(score.per_image.values())
        read[score.metric] = np.array(values)[attention.known]
    return relation.Values(
        title=title,
        miou=result.column(own),
        seqacc=read["SeqAcc/raw"],
        ned=read["NED/raw"],
        better=fitted,
        best=result.oracle[(own.timestep, own.layers, own.kernel, own.sigma)],
        length=np.array([len(attention.folder.records[i].word) for i in attention.known]),
        source=attention.told("source"),
    )


def write_relation(values: list[relation.Values], out: Path) -> str:
    """Write `relation.csv` and `relation.png`; returns the table as text."""
    out.mkdir(parents=True, exist_ok=True)
    frame = relation.table(values)
    frame.to_csv(out / "relation.csv", index=False, float_format="%.4f")
    relation.plot(values, out / "relation.png")
    return frame.to_string(index=False, float_format="{:.3f}".format)


def _caption(attention: Attention, place: int, value: float) -> str:
    word = attention.folder.records[int(attention.known[place])].word
    return f"{word}\n{value:+.2f}" if value < 0 else f"{word}\n{value:.2f}"


def _brief(setting: Setting) -> str:
    blurred = f"blur {setting.kernel}/{setting.sigma:g}" if setting.kernel > 1 else "no blur"
    return f"{setting.rule}, {blurred}"


def _both(settings: list[Setting]) -> str:
    return " / ".join(dict.fromkeys(map(str, settings)))


def _interval(e: Estimate) -> str:
    return f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]"
