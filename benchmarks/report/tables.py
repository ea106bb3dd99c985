"""From scored cells to one long table, and from that to the table people read."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import gaps, published
from benchmarks.study import Cell, Study
from dreamtext.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("variant", "seed", "metric", "value", "low", "high", "n", "backbone", "task", "manifest"),
)


def collect(cells: Iterable[Cell]) -> "pd.DataFrame":
    """A row per variant, seed, task and metric, and rows of seed `all` over the seeds.

    A cell that is not scored has no row; an aggregate over fewer seeds than planned has no value
    and its n says how many there are.
    """
    import pandas as pd

    from benchmarks.metrics.statistics import mean_t

    rows: list[dict[str, Any]] = []
    planned: dict[tuple[str, str], int] = {}
    scored: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        key = (cell.variant.name, cell.benchmark.task)
        planned[key] = planned.get(key, 0) + 1
        if not cell.done:
            continue
        scored.setdefault(key, set()).add(cell.score.name)
        for score in cell.scored.scores():
            rows.append(
                {
                    "variant": cell.variant.name,
                    "seed": str(cell.seed),
                    "task": cell.benchmark.task,
                    "manifest": cell.sample.identity["manifest"],
                    **{k: score[k] for k in ("metric", "value", "low", "high", "n", "backbone")},
                }
            )
    if not rows:
        raise RunError("no cell of the study is scored yet; run it first")
    table = pd.DataFrame(rows)
    totals = []
    keys = ["variant", "task", "metric"]
    for (variant, task, metric), group in table.groupby(keys, sort=False):
        values = group.value.dropna()
        complete = len(values) == planned[(variant, task)]
        value, low, high = mean_t(values)[:3] if complete else (None, None, None)
        # One seed, or a system that makes no use of seeds, says nothing of other seeds.
        if complete and len(scored[(variant, task)]) == 1:
            low, high = group.low.iloc[0], group.high.iloc[0]
        same = group[["backbone", "manifest"]].iloc[0]
        totals.append(
            {
                **dict(zip(keys, (variant, task, metric), strict=True)),
                "seed": "all",
                "value": value,
                "low": low,
                "high": high,
                "n": len(values),
                **same,
            }
        )
    return pd.concat([table, pd.DataFrame(totals)])[list(COLUMNS)].reset_index(drop=True)


def compare(study: Study, cells: Sequence[Cell]) -> "pd.DataFrame":
    """Each variant against the reference on the same samples and seeds.

    Per-image metrics: mean difference with a paired bootstrap interval; SeqAcc: McNemar's exact
    test as well, adjusted by Holm over the table. Columns: task, metric, variant, difference, low,
    high, n, p, p_holm.
    """
    import pandas as pd

    from benchmarks.metrics.statistics import holm, mcnemar, paired_bootstrap

    rows: list[dict[str, Any]] = []
    for benchmark in study.benchmarks:
        images = {
            variant.name: _per_image(
                [c for c in cells if c.variant == variant and c.benchmark == benchmark]
            )
            for variant in study.variants
        }
        reference = images.get(study.reference)
        for name, own in images.items():
            if name == study.reference or reference is None or own is None:
                continue
            for metric in study.metrics:
                if metric not in own.columns or metric not in reference.columns:
                    continue
                pair = pd.concat({"a": own[metric], "b": reference[metric]}, axis=1).dropna()
                if pair.empty:
                    continue
                change = paired_bootstrap(pair.a, pair.b)
                exact = metric.startswith("SeqAcc")
                rows.append(
                    {
                        "task": benchmark.task,
                        "metric": metric,
                        "variant": name,
                        "difference": change.value,
                        "low": change.low,
                        "high": change.high,
                        "n": len(pair),
                        "p": mcnemar(pair.a > 0.5, pair.b > 0.5).p if exact else math.nan,
                    }
                )
    table = pd.DataFrame(rows)
    if not table.empty:
        tested = table.p.notna()
        table.loc[tested, "p_holm"] = holm(table.p[tested].tolist())
    return table


def _per_image(cells: Sequence[Cell]) -> "pd.DataFrame | None":
    """Per-image values of a variant over its seeds, indexed by seed and sample; None if a seed
    is missing."""
    import pandas as pd

    if not cells or any(not c.done for c in cells):
        return None
    parts = {c.seed: c.scored.per_image() for c in cells}
    return pd.concat(parts)


def render(study: Study, table: "pd.DataFrame", comparison: "pd.DataFrame") -> str:
    """The study's Markdown: what was asked, one table a task, and how each was measured."""
    seeds = len(study.seeds)
    parts = [f"# {study.name}\n\n{study.question}\n"]
    for benchmark in study.benchmarks:
        here = table[(table.task == benchmark.task) & (table.seed == "all")]
        measured = set(table[(table.task == benchmark.task) & table.value.notna()].metric)
        metrics = [m for m in study.metrics if m in measured]
        rows = []
        for variant in study.variants:
            cells = [variant.name]
            for metric in metrics:
                own = here[here.variant == variant.name]
                one = own[own.metric == metric]
                if one.empty:  # where every sample is supported there is no second number
                    one = own[own.metric == metric.removesuffix(" (supported)")]
                cells.append(_cell(one, seeds))
            rows.append(cells)
        ceiling = {
            m: here[here.metric == name].value.dropna()
            for m, name in zip(metrics, map(_ceiling_of, metrics), strict=True)
        }
        if any(len(v) for v in ceiling.values()):
            shown = [f"{v.iloc[0]:.3f}" if len(v) else "" for v in ceiling.values()]
            rows.append(["*ceiling (ground truth)*", *shown])
        for variant in study.variants:
            known = [published.values(study.name, variant.name, benchmark.task, m) for m in metrics]
            if any(known):
                text = [", ".join(f"{v:g}" for v, _ in k) for k in known]
                rows.append([f"*{variant.name}, published*", *text])
        parts.append(
            f"\n## {benchmark.task}, n = {benchmark.n} images x {seeds} seed"
            f"{'s' if seeds > 1 else ''}\n\n" + _markdown(["variant", *metrics], rows)
        )
        backbones = here[here.metric.isin(metrics)].groupby("metric", sort=False).backbone.first()
        parts.append("\n" + "; ".join(f"{m}: {b}" for m, b in backbones.items() if b) + ".\n")
    parts.append(
        "\nValues are means over seeds with a 95 % t-interval (over images, for a system that uses "
        "no seeds)"
        if seeds > 1
        else "\nOne seed: the interval is over images, it says nothing about other seeds"
    )
    parts.append(
        ". `raw` is what the network painted, before the old pixels are put back outside the "
        "region. Published rows are of another scale, data and judge; they stand here for the "
        "ordering alone.\n"
    )
    if same := published.beside(study.name):
        parts.append(
            "\n## Published numbers of the same systems\n\nReal benchmarks, other judges: "
            "reconstruction / editing where both were published.\n\n" + _markdown(*same)
        )
    if not comparison.empty:
        parts.append(f"\n## Against `{study.reference}`, paired by image and seed\n\n")
        shown = [
            [
                r.task,
                r.variant,
                r.metric,
                f"{r.difference:+.3f} [{r.low:+.3f}, {r.high:+.3f}]",
                str(r.n),
                "" if math.isnan(r.p) else f"{r.p_holm:.2g}",
            ]
            for r in comparison.itertuples()
        ]
        head = ["task", "variant", "metric", "difference [95 %]", "n", "p (McNemar, Holm)"]
        parts.append(_markdown(head, shown))
        parts.append(
            "\nImages of one seed share a trained model, so these intervals are about images; "
            "the tables above are about seeds.\n"
        )
    return "".join(parts)


def _ceiling_of(metric: str) -> str:
    return "mIoU-ceiling" if metric == "mIoU" else metric.replace("/raw", "/truth")


def _cell(one: "pd.DataFrame", seeds: int) -> str:
    if one.empty:
        return f"- (0/{seeds} seeds)"
    row = one.iloc[0]
    if math.isnan(row.value if row.value is not None else math.nan):
        return f"- ({row.n}/{seeds} seeds)" if row.n else "-"
    digits = 3 if abs(row.value) < 10 else 1
    return f"{row.value:.{digits}f} [{row.low:.{digits}f}, {row.high:.{digits}f}]"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def write(study: Study, cells: Sequence[Cell], folder: Path) -> "pd.DataFrame":
    """Write `scores.csv`, `comparison.csv` and `table.md`; returns the long table."""
    folder.mkdir(parents=True, exist_ok=True)
    table = collect(cells)
    comparison = compare(study, cells)
    table.to_csv(folder / "scores.csv", index=False, float_format="%.6g")
    comparison.to_csv(folder / "comparison.csv", index=False, float_format="%.6g")
    text = render(study, table, comparison)
    if reasons := gaps.explain(cells):
        text += "\n## Gaps\n\n" + "\n".join(f"- {reason}" for reason in reasons) + "\n"
    if said := gaps.notes(cells, study.metrics):
        text += "\n## Notes\n\n" + "\n".join(f"- {note}" for note in said) + "\n"
    (folder / "table.md").write_text(text)
    return table
