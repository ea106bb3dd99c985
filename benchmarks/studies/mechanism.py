"""What in DreamText does the work? Supervision, L_attn and the weighting of L_mask, each with and
without the others.

L_align and L_id act in every row. `balanced` alone is the warm-up and nothing that holds on to what
it taught; `none` has nothing that would tell L_attn where a character is.
"""

from benchmarks.studies._scale import L_ATTN, L_MASK, NO_L_ATTN, NO_L_MASK, SUPERVISION
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.variants import cross

_ATTENTION = (
    Variant(name="", overrides=NO_L_ATTN),
    Variant(name="+ L_attn", overrides=L_ATTN),
)
_MASK = (
    Variant(name="", overrides=NO_L_MASK),
    Variant(name="+ L_mask", overrides=L_MASK),
)

STUDY = Study(
    name="mechanism",
    question=(
        "Supervision (none, balanced, full) x L_attn x L_mask: which of them carries it? The rows "
        "`+ L_attn` are those of the study supervision."
    ),
    variants=cross(SUPERVISION, _ATTENTION, _MASK),
    reference="balanced",
    paper="uses the warm-up, L_attn and L_mask together.",
    not_shown="Whether L_mask helps on larger maps: here a picture has 8 x 16 cells.",
    primary=Contrast(variant="balanced + L_attn", against="balanced"),
    secondary=(
        Contrast(variant="full + L_attn", against="full"),
        Contrast(variant="balanced + L_mask", against="balanced"),
        Contrast(variant="balanced + L_attn + L_mask", against="balanced + L_attn"),
        Contrast(variant="full", against="balanced + L_attn"),
        Contrast(variant="none + L_attn", against="none"),
    ),
)
