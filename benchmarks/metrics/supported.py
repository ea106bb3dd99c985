"""Scores over the samples that a system supports, beside those that count the rest as failures."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.metrics.metric import Score
from benchmarks.metrics.statistics import bootstrap, wilson
from benchmarks.samples.folder import SAMPLES

_COUNTED = ("SeqAcc", "SeqAcc-ci", "SeqAcc-folded")  # each sample is right or wrong


def supported_only(folder: Path, scores: Sequence[Score]) -> list[Score]:
    """One more score, named `<metric> (supported)`, for each with values per image.

    Where every sample was answered there are none: the two columns would be the same. An answer
    that is an error stays a failure in both.

    Args:
        folder: of samples, whose samples.jsonl may say `status` for each.
    """
    lines = (json.loads(line) for line in (folder / SAMPLES).read_text().splitlines())
    status = {line["id"]: line.get("status", "ok") for line in lines}
    if "unsupported" not in status.values():
        return []
    kept = {id for id, said in status.items() if said != "unsupported"}
    found = []
    for score in scores:
        values = {k: v for k, v in score.per_image.items() if k in kept and v is not None}
        if not score.per_image or score.metric.endswith("/truth"):
            continue
        name = f"{score.metric} (supported)"
        if not values:
            reason = f"none of the {len(status)} samples is supported"
            blank = replace(score, value=None, low=None, high=None, n=0)
            found.append(replace(blank, metric=name, reason=reason, per_image={}))
            continue
        numbers = list(values.values())
        if score.metric.split("/")[0].removesuffix("-rectified") in _COUNTED:
            estimate = wilson(sum(numbers), len(numbers))
        else:
            estimate = bootstrap(numbers)
        value, low, high, n = estimate
        found.append(
            replace(score, metric=name, value=value, low=low, high=high, n=n, per_image={})
        )
    return found
