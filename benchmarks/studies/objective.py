"""The objective as the paper states it, as the released code has it, and each difference alone.

What the released code does otherwise: the masked error is a term of its own, the attention loss
is a difference of maxima, the alignment is an InfoNCE with a position loss, and supervision is on
the binary mask and hence has no gradient.
"""

from benchmarks.study import Contrast, Study, Variant

_DIFFERENCES = {
    "mask": ("objective.mask_form=separate",),
    "attention": ("objective.attention_form=max",),
    "alignment": (
        "objective.alignment_form=infonce",
        "objective.identity_weight=0.1",
        "objective.position_weight=0.1",
    ),
    "supervision": (
        "objective.supervision.form=released",
        "objective.supervision.weight=0.001",
        "objective.supervision.mode=full",
    ),
}

STUDY = Study(
    name="objective",
    question="Paper's objective against the released code's, and each of its differences alone.",
    variants=(
        Variant(name="paper"),
        Variant(
            name="released", overrides=tuple(o for part in _DIFFERENCES.values() for o in part)
        ),
        *(Variant(name=f"released {k}", overrides=o) for k, o in _DIFFERENCES.items()),
    ),
    reference="paper",
    primary=Contrast(variant="released", against="paper"),
    secondary=tuple(Contrast(variant=f"released {k}", against="paper") for k in _DIFFERENCES),
)
