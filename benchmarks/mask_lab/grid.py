"""How much blur, and which threshold? The seeds of one variant together, against its own setting.

A sweep of one run orders the settings on that run. Here every setting has the hierarchical
interval over seeds, photographs, words and samples, and so has its difference to the run's own
setting on the same maps. All of them are looked at after the fact: what leads is a candidate for
training with, not a test.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.mask_lab import figures
from benchmarks.mask_lab.attention import ALL_LAYERS, Attention
from benchmarks.mask_lab.sweep import Setting, Sweep, default_setting, sweep
from benchmarks.metrics.hierarchy import Difference, Panel, difference, score
from dreamtext.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SHARE = (0.0, 1.0)  # an IoU's range


def sweeps(runs: Sequence[Attention], timestep: float) -> list[Sweep]:
    """Every blur and rule on each run's maps of all layers together, at one noise level.

    Raises:
        UserError: the runs painted other samples, or derive their masks otherwise.
    """
    ids = [[run.folder.ids[i] for i in run.known] for run in runs]
    if any(own != ids[0] for own in ids):
        raise UserError("the runs painted different samples; give the seeds of one variant")
    if len({default_setting(run, timestep) for run in runs}) > 1:
        raise UserError("the runs derive their masks by different settings; give those of one")
    return [sweep(run, layers=[ALL_LAYERS], timesteps=[timestep]) for run in runs]


def table(
    found: Sequence[Sweep],
    own: Setting,
    photographs: np.ndarray | None = None,
    words: np.ndarray | None = None,
) -> "pd.DataFrame":
    """A row a setting, the best mean first: mIoU and its difference to `own` with intervals, and
    the score of perfect masks through the same blur and rule.

    Args:
        found: one sweep a seed, of the same settings and samples.
        photographs, words: (N,) codes of the samples, as a `Panel` has them.
    """
    import pandas as pd

    def panel(setting: Setting) -> Panel:
        return Panel(np.stack([one.column(setting) for one in found]), photographs, words)

    rows = []
    for place, setting in enumerate(found[0].settings):
        value = score(panel(setting), bounds=SHARE)
        if setting == own:
            gain = Difference(0.0, 0.0, 0.0, 1.0)
        else:
            gain = difference(panel(setting).minus(panel(own)), most=1.0)
        rows.append(
            {
                "kernel": setting.kernel,
                "sigma": setting.sigma,
                "rule": str(setting.rule),
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "difference": gain.value,
                "difference_low": gain.low,
                "difference_high": gain.high,
                "ceiling": float(np.mean([one.ceiling[place] for one in found])),
                "own": setting == own,
            }
        )
    return pd.DataFrame(rows).sort_values("value", ascending=False, ignore_index=True)


def write(runs: Sequence[Attention], titles: Sequence[str], timestep: float, out: Path) -> str:
    """Write `grid.csv`, `grid.png` and `grid.md`; returns the text."""
    found, own = sweeps(runs, timestep), default_setting(runs[0], timestep)
    photographs, words = (_codes(runs[0].told(name)) for name in ("source", "word"))
    frame = table(found, own, photographs, words)
    out.mkdir(parents=True, exist_ok=True)
    frame.to_csv(out / "grid.csv", index=False, float_format="%.4f")
    mean = replace(found[0], overlap=np.mean([one.overlap for one in found], axis=0))
    figures.heat_map(mean, own, out / "grid.png")
    text = _text(frame, own, titles, len(found[0].overlap))
    (out / "grid.md").write_text(text)
    return text


def _text(frame: "pd.DataFrame", own: Setting, titles: Sequence[str], n: int) -> str:
    single = frame[frame.kernel == 1]
    lines = [
        ("own", frame[frame.own].iloc[0]),
        ("own rule, no blur", single[single.rule == str(own.rule)].iloc[0]),
        ("best without blur", single.iloc[0]),
        ("best", frame.iloc[0]),
    ]
    rows = "".join(
        f"| {name} | {_blur(row)}, {row.rule} | {row.value:.3f} [{row.low:.3f}, {row.high:.3f}] | "
        f"{'' if row.own else _signed(row)} | {row.ceiling:.3f} |\n"
        for name, row in lines
    )
    return (
        f"# Blur and threshold\n\n{'; '.join(titles)}. {len(frame)} settings of {n} samples each, "
        f"all layers together at t = {own.timestep:g}; 95 % intervals over runs, photographs, "
        "words and samples.\n\n"
        "| | setting | mIoU | minus own, paired | perfect masks score |\n|---|---|---|---|---|\n"
        f"{rows}\nWhat is called best was chosen on these samples. The maps come from training "
        "with the own setting: what another one would have taught is not seen here.\n"
    )


def _signed(row: "pd.Series") -> str:
    ends = f"[{row.difference_low:+.3f}, {row.difference_high:+.3f}]"
    return f"{row.difference:+.3f} {ends}"


def _blur(row: "pd.Series") -> str:
    return f"blur {row.kernel}/{row.sigma:g}" if row.kernel > 1 else "no blur"


def _codes(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else np.unique(values, return_inverse=True)[1]
