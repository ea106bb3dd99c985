"""Settings that the studies of the scale model share, so that they share runs: the first values of
every arm's tuning, which no other trial beat by more than seeds differ (`results/tuning/tiny`).

They are DreamText's own terms as they act at this scale. The paper's alpha of .01 is next to
nothing where squared norms are means (`ObjectiveConfig`); the study `weights` asks what other
values do. Of gamma, the paper's 1 is what a study calls L_mask; without it every cell of the latent
weighs alike.
"""

from benchmarks.study import Variant

L_ATTN, NO_L_ATTN = ("objective.alpha=1",), ("objective.alpha=0",)
L_MASK, NO_L_MASK = ("objective.gamma=1",), ("objective.gamma=0",)
NO_HEADS = ("objective.beta=0",)  # neither L_align nor L_id
GUIDED = (*L_ATTN, *NO_L_MASK)  # the arm that reads best
PLAIN = (*NO_L_ATTN, *NO_L_MASK, *NO_HEADS)  # the denoising loss alone


def supervised(mode: str, *others: str) -> tuple[str, ...]:
    """Overrides of a mode of supervision, and others."""
    return (f"objective.supervision.mode={mode}", *others)


SUPERVISION = tuple(
    Variant(name=mode, overrides=supervised(mode)) for mode in ("none", "balanced", "full")
)
