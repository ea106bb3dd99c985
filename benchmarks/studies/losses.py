"""Which term of the loss carries the result under balanced supervision? Each dropped from all, and
each added to none. The rows with L_align and L_id are those of the study `mechanism`."""

from benchmarks.studies._scale import L_ATTN, L_MASK, NO_HEADS, NO_L_ATTN, NO_L_MASK, supervised
from benchmarks.study import Contrast, Study, Variant


def _row(name: str, *overrides: str) -> Variant:
    return Variant(name=name, overrides=supervised("balanced", *overrides))


_DROPPED = ("L_mask", "L_attn", "L_align+L_id", "L_id")

STUDY = Study(
    name="losses",
    question="Terms of the objective: all, each dropped, none (denoising alone), each added.",
    variants=(
        _row("all", *L_ATTN, *L_MASK),
        _row("without L_mask", *L_ATTN, *NO_L_MASK),
        _row("without L_attn", *NO_L_ATTN, *L_MASK),
        _row("without L_align+L_id", *L_ATTN, *L_MASK, *NO_HEADS),
        _row("without L_id", *L_ATTN, *L_MASK, "objective.identity_weight=0"),
        _row("none", *NO_L_ATTN, *NO_L_MASK, *NO_HEADS),
        _row("only L_mask", *NO_L_ATTN, *L_MASK, *NO_HEADS),
        _row("only L_attn", *L_ATTN, *NO_L_MASK, *NO_HEADS),
        _row("only L_align+L_id", *NO_L_ATTN, *NO_L_MASK),
    ),
    reference="all",
    paper="uses all of its terms.",
    not_shown=(
        "Whether L_align and L_id help with a pre-trained image encoder and many words; here the "
        "encoder is small and of our own training."
    ),
    primary=Contrast(variant="none", against="all"),
    secondary=tuple(Contrast(variant=f"without {term}", against="all") for term in _DROPPED),
)
