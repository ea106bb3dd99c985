"""The paper's claims beside what was measured here: the same order, the opposite one, or not
to be told.

A claim is a difference between two rows of a published table (`results/published`), or an order
that the paper's settings rest on. It is measured by the same two variants of a study, paired by
image and seed; p-values are adjusted by Holm over all claims that could be measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.metrics.hierarchy import Difference
from benchmarks.metrics.statistics import holm
from benchmarks.report import computed, published
from benchmarks.report.contrasts import LEVEL, told_p
from benchmarks.report.record import collect
from benchmarks.report.summary import Scores
from benchmarks.study import Cell, Study
from dreamtext.errors import RunError
from dreamtext.files import write_text

FILE = "PAPER.md"
TABLE = "paper.csv"
SAME, OPPOSITE = "the paper's order", "the opposite order"
_OURS = {"seqacc": "SeqAcc/raw", "miou": "mIoU", "fid": "KID-EffNetLite0/raw"}
_LOWER = ("fid",)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """`better` is better than `worse` in a published metric of a task.

    Attributes:
        study: the study whose variants have these names, or those in `variants`.
        table, systems: of the published numbers; the variants' names without.
    """

    study: str
    better: str
    worse: str
    metric: str = "seqacc"
    task: str = "reconstruction"
    table: str = ""
    systems: tuple[str, str] | None = None

    @property
    def said(self) -> str:
        first, second = self.systems or (self.better, self.worse)
        return f"{self.study}: {first} better than {second}, {self.metric}, {self.task}"

    def published(self) -> str:
        """The two published values with their source; "order only" where there are none."""
        known = published.table()
        known = known[(known.paper == "DreamText") & (known.table == (self.table or self.study))]
        known = known[(known.task == self.task) & (known.metric == self.metric)]
        values = []
        for system in self.systems or (self.better, self.worse):
            own = known[known.system == system]
            if own.empty:
                return "order only"
            values.append(f"{own.value.iloc[0]:g}")
        return f"{values[0]} and {values[1]} ({known.confidence.iloc[0]})"


_OBJECTIVES: Any = {
    "study": "comparison",
    "better": "dreamtext-objective",
    "worse": "udifftext-objective",
    "table": "main",
    "systems": ("DreamText", "UDiffText"),
}
CLAIMS = (
    *(
        Claim(study="supervision", better=better, worse=worse, metric=metric, task=task)
        for better, worse in (("balanced", "full"), ("full", "none"))
        for metric, task in (
            ("seqacc", "reconstruction"),
            ("seqacc", "editing"),
            ("miou", "reconstruction"),
            ("fid", "reconstruction"),
        )
    ),
    *(Claim(study="warmup", better="25k", worse=other) for other in ("0", "10k", "50k", "100k")),
    Claim(study="warmup", better="25k", worse="all"),
    *(
        Claim(study="losses", better="all", worse=f"without {term}")
        for term in ("L_mask", "L_attn", "L_align+L_id", "L_id")
    ),
    Claim(**_OBJECTIVES, metric="seqacc", task="editing"),
    Claim(**_OBJECTIVES, metric="fid"),
)


ACROSS = "; computed on different devices ([by how much](devices/README.md))"


@dataclass(frozen=True)
class Verdict:
    """Attributes:
    found: better less worse as measured; None where it was not.
    across: whether the two were computed on different devices.
    """

    claim: Claim
    verdict: str
    found: Difference | None = None
    p: float | None = None
    across: bool = False


def judge(studies: Mapping[str, tuple[Study, Sequence[Cell]]]) -> list[Verdict]:
    """Every claim, against the studies that have scored cells."""
    measured: dict[Claim, Difference | str] = {}
    scores: dict[str, Scores | None] = {}
    for claim in CLAIMS:
        measured[claim] = _difference(claim, studies, scores)
    told = {claim: found for claim, found in measured.items() if isinstance(found, Difference)}
    adjusted = dict(zip(told, holm([found.p for found in told.values()]), strict=True))
    verdicts = []
    for claim, found in measured.items():
        if isinstance(found, str):
            verdicts.append(Verdict(claim, f"cannot be told here: {found}"))
            continue
        sign = -1 if claim.metric in _LOWER else 1
        if adjusted[claim] >= LEVEL or found.low <= 0 <= found.high:
            said = "cannot be told here: not told apart"
            if not found.low <= 0 <= found.high:  # the interval is of this claim alone
                said += " once the other claims are counted"
        else:
            said = SAME if sign * found.value > 0 else OPPOSITE
        known = scores[claim.study]
        sides = (claim.better, claim.worse)
        across = known is not None and computed.across(known.record.runs, sides, claim.task)
        verdicts.append(Verdict(claim, said, found, adjusted[claim], across))
    return verdicts


def _difference(
    claim: Claim,
    studies: Mapping[str, tuple[Study, Sequence[Cell]]],
    scores: dict[str, Scores | None],
) -> Difference | str:
    """The difference, or why there is none."""
    if claim.study not in studies:
        return "not run"
    study, cells = studies[claim.study]
    if claim.study not in scores:
        try:
            scores[claim.study] = Scores(collect(cells))
        except RunError:
            scores[claim.study] = None
    known = scores[claim.study]
    if known is None:
        return "not run"
    if not {claim.better, claim.worse} <= {v.name for v in study.variants}:
        return "the study has no such variants"
    if len(study.seeds) < 2:
        return "one seed says nothing of other seeds"
    if study.preset in ("smoke", "demo"):
        return f"the {study.preset} preset's numbers order nothing"
    metric = _OURS[claim.metric]
    for name in (claim.better, claim.worse):
        if metric not in known.metrics(name, claim.task):
            return f"{name} is not scored yet"
    found = known.difference(claim.better, claim.worse, claim.task, metric)
    return "not every planned seed is scored" if found is None else found


def markdown(verdicts: Sequence[Verdict], preset: str) -> str:
    """The page: a row a claim."""
    agreed, opposed = (sum(v.verdict == word for v in verdicts) for word in (SAME, OPPOSITE))
    open_ = len(verdicts) - agreed - opposed
    lines = [
        "# The paper's claims, and what was measured here",
        "",
        f"Of {len(verdicts)} claims {agreed} have the paper's order here, {opposed} the opposite "
        f"order, and {open_} cannot be told here.",
        "",
        f"Measured at the `{preset}` preset. "
        + (
            "That is a scale model on an embedded world: it can say whether an effect shows here, "
            "not whether the paper's numbers are right. "
            if preset != "paper"
            else ""
        )
        + "Differences are the first less the second, paired by image and seed, with 95 % "
        "intervals; p by Holm over the measured claims, which are other ones than those that a "
        "study's own report counts. Published seqacc is set beside "
        "SeqAcc/raw, fid beside KID-EffNetLite0/raw, another distance of which lower is better "
        "too. Published values marked (note) are from a third party's notes on the paper, those "
        "marked (summary) from a summary of it ([sources](published/README.md)). No row compares "
        "published systems: `DreamText` and `UDiffText` are their objectives in one network. A "
        "warm-up of 25k is an eighth of the steps, however many there are.",
        "",
        "| claim | published | measured here | p | verdict |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in verdicts:
        found = one.found
        number = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]" if found else ""
        p = told_p(one.p) if one.p is not None else ""
        cells = (
            one.claim.said,
            one.claim.published(),
            number,
            p,
            one.verdict + (ACROSS if one.across else ""),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(
    studies: Mapping[str, tuple[Study, Sequence[Cell]]], folder: Path, preset: str
) -> list[Verdict]:
    """Write `PAPER.md`, and its figures as `paper.csv`, into a folder of results."""
    import pandas as pd

    verdicts = judge(studies)
    rows = [
        {
            "claim": one.claim.said,
            "value": one.found.value if one.found else None,
            "low": one.found.low if one.found else None,
            "high": one.found.high if one.found else None,
            "p": one.p,
            "verdict": one.verdict,
            "across": one.across,
        }
        for one in verdicts
    ]
    write_text(folder / TABLE, pd.DataFrame(rows).to_csv(index=False, float_format="%.6g"))
    write_text(folder / FILE, markdown(verdicts, preset))
    return verdicts
