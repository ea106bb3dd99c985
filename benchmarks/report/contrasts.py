"""The declared contrasts of a study: tested, adjusted, and said in words no stronger than they
allow."""

from typing import TYPE_CHECKING, Any

from benchmarks.metrics.statistics import holm
from benchmarks.report import computed
from benchmarks.report.summary import Scores
from benchmarks.study import Study

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05


def test(study: Study, scores: Scores) -> "pd.DataFrame":
    """A row a declared contrast, the primary one first: difference, interval, p, and p adjusted by
    Holm over the declared ones that could be measured. Without a difference there is a reason."""
    import pandas as pd

    rows = []
    for contrast in study.contrasts:
        row: dict[str, Any] = {
            "role": "primary" if contrast == study.primary else "secondary",
            "variant": contrast.variant,
            "against": contrast.against,
            "metric": contrast.metric,
            "task": contrast.task,
        }
        asked = (contrast.variant, contrast.against, contrast.task, contrast.metric)
        if found := scores.difference(*asked):
            row |= found._asdict()
            row |= _rests_on(scores, *asked, seeds=len(study.seeds))
            row["across"] = computed.across(scores.record.runs, asked[:2], contrast.task)
        else:
            row["reason"] = "not both were measured on the same images with every planned seed"
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    measured = table.p.notna()
    table.loc[measured, "p_holm"] = holm(table.p[measured].tolist())
    return table


COLUMNS = (
    *("role", "variant", "against", "metric", "task", "value", "low", "high", "p", "p_holm"),
    *("seeds", "direction", "across", "reason"),
)


def _rests_on(
    scores: Scores, variant: str, against: str, task: str, metric: str, *, seeds: int
) -> dict:
    """`seeds` is 0 where neither side makes use of them."""
    own, other = (scores.score(name, task, metric) for name in (variant, against))
    fixed = seeds > 1 and own["planned"] == other["planned"] == 1
    found = 0 if fixed else max(own["seeds"], other["seeds"])
    return {"seeds": found, "direction": own["direction"]}


def told_p(p: float) -> str:
    """A p-value in two digits; below .001 only that it is: a few seeds bear no more."""
    return "below 0.001" if p < 0.001 else f"{p:.2g}"


def sentence(row: "pd.Series") -> str:
    """A contrast in words: better, worse, or not told apart."""
    asked = f"`{row.variant}` against `{row.against}` in {row.metric} ({row.task})"
    if row.value != row.value:
        return f"{asked}: not measured, as {row.reason}."
    higher = (row.value > 0) == (row.direction == "higher")
    told = row.p_holm < LEVEL and not row.low <= 0 <= row.high
    verdict = ("better" if higher else "worse") if told else "not told apart"
    if not told and not row.low <= 0 <= row.high:  # the interval is of this contrast alone
        verdict += f" once the other contrasts are counted (alone p = {told_p(row.p)})"
    p = told_p(row.p_holm)
    number = f"{row.value:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
    text = f"{asked}: {verdict}, {number}, p {p if p.startswith('below') else f'= {p}'}."
    if row.seeds == 1:
        text += " One seed: this is about its images, and says nothing of other seeds."
    if row.get("across") in (True,):  # NaN where nothing was measured
        text += " Its sides were computed on different devices, which is part of the difference."
    return text
