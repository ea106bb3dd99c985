"""How sensitive is the result to alpha, the weight of L_attn? From inert to collapse, with balanced
supervision and without the weighting of L_mask."""

from benchmarks.studies._scale import NO_L_MASK, supervised
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.variants import axis, cross

_BALANCED = Variant(name="", overrides=supervised("balanced", *NO_L_MASK))

STUDY = Study(
    name="weights",
    question="Weight of L_attn (alpha) where squared norms are means; the paper writes .01.",
    variants=cross((_BALANCED,), axis("objective.alpha", (0.01, 0.1, 0.3, 1.0, 3.0, 10.0))),
    reference="alpha=1",
    paper="writes alpha = .01, and leaves open whether its squared norms are sums or means.",
    not_shown=(
        "The paper's own alpha: with sums in place of means the same number weighs otherwise."
    ),
    primary=Contrast(variant="alpha=0.01", against="alpha=1"),
    secondary=tuple(
        Contrast(variant=f"alpha={value}", against="alpha=1") for value in ("0.1", "10")
    ),
)
