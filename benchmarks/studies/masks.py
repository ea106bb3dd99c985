"""How are attention maps turned into masks? Blur x kernel x threshold, around the paper's
3 x 3, sigma 1, mean + 2 std."""

from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.variants import axis, cross

_BLURS = (
    Variant(name="no blur", overrides=("masks.blur_kernel=1",)),
    *cross(
        axis("masks.blur_sigma", (0.5, 1.0, 2.0), "sigma"),
        axis("masks.blur_kernel", (3, 5), "kernel"),
    ),
)

STUDY = Study(
    name="masks",
    question="Latent character masks: blur (sigma) x kernel x threshold (mean + k std).",
    variants=cross(_BLURS, axis("masks.threshold_std", (1.0, 2.0, 3.0), "k")),
    reference="sigma=1 kernel=3 k=2",
    primary=Contrast(variant="no blur k=2", against="sigma=1 kernel=3 k=2"),
    secondary=tuple(
        Contrast(variant=f"sigma=1 kernel=3 k={k}", against="sigma=1 kernel=3 k=2") for k in (1, 3)
    ),
)
