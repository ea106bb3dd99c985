"""Which term of the loss carries the result? Each dropped from all, and each added to none."""

from benchmarks.study import Contrast, Study, Variant

# Without a term: L_mask is the denoising error itself at gamma 0; L_align and L_id share beta.
_WITHOUT = {
    "L_mask": ("objective.gamma=0",),
    "L_attn": ("objective.alpha=0",),
    "L_align+L_id": ("objective.beta=0",),
    "L_id": ("objective.identity_weight=0",),
}
# L_id is part of beta's pair: alone with L_align it is counted once.
_TERMS = ("L_mask", "L_attn", "L_align+L_id")


def _only(kept: str | None) -> tuple[str, ...]:
    return tuple(text for term in _TERMS if term != kept for text in _WITHOUT[term])


STUDY = Study(
    name="losses",
    question="Terms of the objective: all, each dropped, none (denoising alone), each added.",
    variants=(
        Variant(name="all"),
        *(Variant(name=f"without {term}", overrides=o) for term, o in _WITHOUT.items()),
        Variant(name="none", overrides=_only(None)),
        *(Variant(name=f"only {term}", overrides=_only(term)) for term in _TERMS),
    ),
    reference="all",
    primary=Contrast(variant="none", against="all"),
    secondary=tuple(Contrast(variant=f"without {term}", against="all") for term in _WITHOUT),
)
