"""Small studies with known values, as their runs would have left them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report.record import Record
from benchmarks.study import EDITING, RECONSTRUCTION, Cell, Contrast, Study, Variant

LOW_IS_BETTER = ("FD-EffNetLite0/raw", "effdist/raw")


def small_study(**settings: Any) -> Study:
    """Three variants of one metric, three seeds, one task."""
    names = ("none", "balanced", "full")
    return Study(
        **{
            "name": "small",
            "question": "Which one?",
            "variants": tuple(Variant(name=name) for name in names),
            "reference": "none",
            "primary": Contrast(variant="full", against="balanced"),
            "secondary": (Contrast(variant="balanced", against="none"),),
            "metrics": ("SeqAcc/raw", "SeqAcc-ci/raw", "FD-EffNetLite0/raw"),
            "benchmarks": (RECONSTRUCTION,),
            **settings,
        }
    )


def record_of(
    values: dict[tuple[str, str], Any],
    *,
    task: str = "reconstruction",
    whole: dict[tuple[str, str], Any] | None = None,
    words: Any = None,
    source: Any = None,
    **attributes: Any,
) -> Record:
    """A record of one task.

    Args:
        values: (variant, metric) -> (S, N) values of its images.
        whole: (variant, metric) -> (S, 3) value, low and high of each seed's run.
        words, source, attributes: (N,) of the images, the same for all.
    """
    images: dict[tuple[str, int], dict[str, Any]] = {}
    rows = []
    planned = {v: len(array) for (v, _), array in [*(whole or {}).items(), *values.items()]}
    for (variant, metric), array in values.items():
        for seed, row in enumerate(np.asarray(array, float)):
            known = images.setdefault((variant, seed), {})
            n = len(row)
            if not known:
                about = {"variant": variant, "seed": str(seed), "task": task}
                ids = [f"{i:04d}" for i in range(n)]
                known.update(about, id=ids, word=list(words or ids), status="ok")
                known.update({"source": list(source)} if source is not None else {})
                known.update({k: list(v) for k, v in attributes.items()})
            known[metric] = row
            rows.append(_run(variant, seed, task, metric, row.mean(), None, None, n, planned))
    for (variant, metric), array in (whole or {}).items():
        for seed, (value, low, high) in enumerate(array):
            rows.append(_run(variant, seed, task, metric, value, low, high, 0, planned))
    frames = [pd.DataFrame(known) for known in images.values()]
    metrics = tuple(dict.fromkeys(m for _, m in values))
    return Record(pd.concat(frames, ignore_index=True), pd.DataFrame(rows), metrics)


def merged(*records: Record) -> Record:
    """Records of several tasks as one."""
    return Record(
        pd.concat([r.images for r in records], ignore_index=True),
        pd.concat([r.runs for r in records], ignore_index=True),
        tuple(dict.fromkeys(m for r in records for m in r.metrics)),
    )


def _run(variant, seed, task, metric, value, low, high, n, planned) -> dict[str, Any]:
    distance = metric in LOW_IS_BETTER
    return {
        "variant": variant,
        "seed": str(seed),
        "task": task,
        "planned": planned[variant],
        "manifest": f"manifest of {task}",
        "run": f"score-{variant}-{seed}",
        "computed": "CPU (AVX512), torch 2",
        "metric": metric,
        "value": value,
        "low": np.nan if low is None else low,
        "high": np.nan if high is None else high,
        "n": n,
        "backbone": "a judge",
        "version": 1,
        "direction": "lower" if distance else "higher",
        "unit": "distance" if distance else "fraction",
        "reason": "",
        "warnings": "",
    }


def leave_scores(
    cell: Cell,
    values: dict[str, dict[str, float | None]],
    *,
    samples: Sequence[dict[str, Any]] | None = None,
    whole: dict[str, tuple[float, float, float]] | None = None,
    **changed: Any,
) -> None:
    """What a cell's sampling and scoring leave in their folders.

    Args:
        values: metric -> sample -> value.
        samples: lines of samples.jsonl; one plain line a sample of `values` without.
        whole: metric -> value, low and high of the run as a whole.
        changed: fields of every row of scores.json, as version or details.
    """
    ids = list(dict.fromkeys(i for column in values.values() for i in column))
    lines = samples or [{"id": i, "word": i.upper(), "source_word": i.upper()} for i in ids]
    cell.sample.folder.mkdir(parents=True, exist_ok=True)
    cell.score.folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (cell.sample.folder / "samples.jsonl").write_text(text)
    manifest = {"hash": cell.sample.identity["manifest"]}
    (cell.sample.folder / "manifest.json").write_text(json.dumps(manifest))
    known = {m: [x for x in v.values() if x is not None] for m, v in values.items()}
    numbers = {m: (float(np.mean(v)), 0.0, 1.0) for m, v in known.items()}
    rows = [
        {
            "metric": metric,
            "value": value,
            "low": low,
            "high": high,
            "n": len(ids),
            "version": cell.score.identity["metrics"].get(metric, 1),
            "direction": "lower" if metric in LOW_IS_BETTER else "higher",
            "unit": "distance" if metric in LOW_IS_BETTER else "fraction",
            "backbone": "a judge",
            "reason": "",
            "warnings": [],
            "details": {},
            **changed,
        }
        for metric, (value, low, high) in (numbers | (whole or {})).items()
    ]
    (cell.score.folder / "scores.json").write_text(json.dumps(rows))
    pd.DataFrame(values).rename_axis("id").to_csv(cell.score.folder / "per_image.csv")
    for run in cell.runs:
        run.folder.mkdir(parents=True, exist_ok=True)
        (run.folder / "DONE.json").write_text("{}")


__all__ = ["EDITING", "RECONSTRUCTION", "leave_scores", "merged", "record_of", "small_study"]
