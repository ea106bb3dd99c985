"""Many settings over one run's saved attention: a table with intervals, and what it says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from benchmarks.mask_lab.attention import ALL_LAYERS, Attention
from benchmarks.mask_lab.rules import Maps, Rule, iou
from dreamtext.objective.masks import blur

BLURS = ((1, 1.0), (3, 0.5), (3, 1.0), (5, 1.0), (5, 2.0))
RULES = (
    *(Rule("std", v) for v in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)),
    Rule("otsu"),
    *(Rule("percentile", v) for v in (80, 85, 90, 95)),
    *(Rule("area", v) for v in (0.3, 0.5, 0.7)),
    *(Rule("argmax", v) for v in (0.0, 0.5, 1.0, 2.0)),
)
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How masks are derived: from which maps, how blurred, by which rule."""

    timestep: float
    layers: str
    kernel: int
    sigma: float
    rule: Rule

    def at(self, timestep: float, layers: str) -> "Setting":
        """The same blur and rule elsewhere."""
        return replace(self, timestep=timestep, layers=layers)

    def __str__(self) -> str:
        blurred = f"blur {self.kernel}/{self.sigma:g}" if self.kernel > 1 else "no blur"
        layers = "" if self.layers == ALL_LAYERS else f", {self.layers}"
        return f"t = {self.timestep:g}{layers}, {blurred}, {self.rule}"


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The outcome: per setting (S) and sample (N), and per setting the perfect masks' score.

    Attributes:
        overlap: (N, S) mean IoU of each sample's characters.
        pooled: (S,) all intersections over all unions.
        empty: (S,) share of characters whose mask is empty.
        ceiling: (S,) mIoU of perfect masks through the same blur and rule.
        oracle: (N, B) IoU under the best threshold of every map, for the B sets of maps.
    """

    settings: list[Setting]
    overlap: np.ndarray
    pooled: np.ndarray
    empty: np.ndarray
    ceiling: np.ndarray
    oracle: dict[tuple, np.ndarray]

    def table(self):
        """A data frame, a row per setting, best first."""
        import pandas as pd

        low, high = intervals(self.overlap)
        rows = [
            {
                "timestep": s.timestep,
                "layers": s.layers,
                "kernel": s.kernel,
                "sigma": s.sigma,
                "rule": s.rule.kind,
                "parameter": s.rule.value,
            }
            for s in self.settings
        ]
        frame = pd.DataFrame(rows)
        frame["miou"], frame["low"], frame["high"] = self.overlap.mean(0), low, high
        frame["n"], frame["pooled"], frame["empty"] = len(self.overlap), self.pooled, self.empty
        frame["ceiling"] = self.ceiling
        frame["relative"] = frame["miou"] / frame["ceiling"]
        return frame.sort_values("miou", ascending=False, ignore_index=True)

    def column(self, setting: Setting) -> np.ndarray:
        """(N,) mIoU of each sample under one setting."""
        return self.overlap[:, self.settings.index(setting)]


def default_setting(attention: Attention, timestep: float | None = None) -> Setting:
    """The run's own mask settings at one timestep (the middle one of those saved)."""
    masks, times = attention.masks, attention.timesteps
    return Setting(
        timestep=times[len(times) // 2] if timestep is None else timestep,
        layers=ALL_LAYERS,
        kernel=masks.blur_kernel,
        sigma=masks.blur_sigma,
        rule=Rule("std", masks.threshold_std),
    )


def sweep(
    attention: Attention,
    *,
    blurs: Sequence[tuple[int, float]] = BLURS,
    rules: Sequence[Rule] = RULES,
    layers: Sequence[str] | None = None,
    timesteps: Sequence[float] | None = None,
    progress: bool = False,
) -> Sweep:
    """Every combination of blur (kernel, sigma), rule, layers and timestep.

    The run's own setting is always among them. Layers default to all together and each alone.
    """
    from tqdm import tqdm

    own = default_setting(attention)
    blurs = list(dict.fromkeys([*blurs, (own.kernel, own.sigma)]))
    rules = list(dict.fromkeys([*rules, own.rule]))
    chosen = list(layers or [ALL_LAYERS, *attention.layers])
    times = list(timesteps or attention.timesteps)
    share = region_share(attention)
    perfect = {b: _perfect(attention, b, rules, share) for b in blurs}
    settings, columns, pooled, empty, ceiling, oracle = [], [], [], [], [], {}
    combinations = list(product(times, chosen))
    with tqdm(
        total=len(combinations) * len(blurs) * len(rules),
        desc="masks",
        unit=" settings",
        disable=not progress,
    ) as bar:
        for timestep, layer in combinations:
            average, _ = attention.average(timestep, layer)
            for kernel, sigma in blurs:
                maps = blurred(attention, average, (kernel, sigma), share)
                best = iou(*maps.best_counts())
                oracle[(timestep, layer, kernel, sigma)] = attention.by_sample(best).numpy()
                for rule, column in _measure(attention, maps, rules):
                    settings.append(
                        Setting(
                            timestep=timestep, layers=layer, kernel=kernel, sigma=sigma, rule=rule
                        )
                    )
                    columns.append(column[0])
                    pooled.append(column[1])
                    empty.append(column[2])
                    ceiling.append(perfect[(kernel, sigma)][rule])
                bar.update(len(rules))
    return Sweep(
        settings=settings,
        overlap=np.stack(columns, 1),
        pooled=np.array(pooled),
        empty=np.array(empty),
        ceiling=np.array(ceiling),
        oracle=oracle,
    )


def blurred(
    attention: Attention, average: Tensor, kernel_sigma: tuple[int, float], share: Tensor
) -> Maps:
    """The maps under one blur, ready for every rule.

    Args:
        average: (M, H, W) attention of M characters.   kernel_sigma: in cells.
        share: (M,) as in `region_share`.
    """
    maps = blur(average, *kernel_sigma, attention.masks.border)
    return Maps(maps, attention.truth, attention.sample, share)


def region_share(attention: Attention) -> Tensor:
    """(M,) cells of each sample's region over the characters of its word."""
    height, width = attention.size
    maps, _ = attention.folder.characters
    cells = []
    for index in attention.known:
        record = attention.folder.records[index]
        x0, y0, x1, y1 = record.box
        full = maps.shape[1] * maps.shape[2]
        area = (x1 - x0) * (y1 - y0) * height * width / full
        cells.append(area / len(record.word))
    return torch.tensor(cells)[attention.sample]


def masks_of(attention: Attention, setting: Setting) -> Tensor:
    """(M, H, W) bool masks under one setting."""
    average, _ = attention.average(setting.timestep, setting.layers)
    maps = blurred(attention, average, (setting.kernel, setting.sigma), region_share(attention))
    return maps.masks(setting.rule)


def intervals(columns: np.ndarray, *, level: float = 0.95, seed: int = 0):
    """Bootstrap bounds (S,), (S,) of the means of (N, S) columns, resampling the rows together."""
    n = len(columns)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
    return np.quantile(weights @ columns, [0.5 - level / 2, 0.5 + level / 2], axis=0)


def cross_fitted(result: Sweep, *, seed: int = 0) -> tuple[np.ndarray, list[Setting]]:
    """(N,) IoU of each sample under the setting that was best on the *other* half of the samples.

    What a better choice buys without having looked at the samples it is judged on; with the two
    settings that were chosen.
    """
    n = len(result.overlap)
    first = np.random.default_rng(seed).permutation(n) < n // 2
    values, settings = np.empty(n), []
    for half in (first, ~first):
        best = int(result.overlap[~half].mean(0).argmax())
        values[half] = result.overlap[half, best]
        settings.append(result.settings[best])
    return values, settings


def only(result: Sweep, **fixed) -> Sweep:
    """The part of a sweep whose settings have the given values, as timestep=0.6."""
    keep = [
        i
        for i, s in enumerate(result.settings)
        if all(getattr(s, k) == v for k, v in fixed.items())
    ]
    return replace(
        result,
        settings=[result.settings[i] for i in keep],
        overlap=result.overlap[:, keep],
        pooled=result.pooled[keep],
        empty=result.empty[keep],
        ceiling=result.ceiling[keep],
    )


def _measure(attention: Attention, maps: Maps, rules: Sequence[Rule]) -> Iterator[tuple]:
    for rule in rules:
        inside, union = maps.counts(rule)
        area = inside + union - maps.truth_area
        yield (
            rule,
            (
                attention.by_sample(iou(inside, union)).numpy(),
                float(inside.sum() / union.sum()),
                float((area == 0).double().mean()),
            ),
        )


def _perfect(
    attention: Attention, kernel_sigma: tuple[int, float], rules: Sequence[Rule], share: Tensor
) -> dict[Rule, float]:
    maps = blurred(attention, attention.truth.float(), kernel_sigma, share)
    return {rule: float(column[0].mean()) for rule, column in _measure(attention, maps, rules)}
