"""How long should ground-truth masks supervise? The paper's 0, 10k, 25k, 50k, 100k and all of
200k steps, as fractions of whatever the preset trains for. The paper chose 25k, an eighth; the
scale model's `balanced` is its 50k, a quarter, since an eighth of its steps is few."""

from benchmarks.studies._scale import GUIDED, supervised
from benchmarks.study import Contrast, Study, Variant

PAPER_STEPS = 200_000
_WARMUPS = {"0": 0, "10k": 10_000, "25k": 25_000, "50k": 50_000, "100k": 100_000}

STUDY = Study(
    name="warmup",
    question="Length of the supervised warm-up, in the paper's steps of 200k (a fraction here).",
    variants=(
        *(
            Variant(
                name=name,
                overrides=supervised(
                    "balanced",
                    f"objective.supervision.warmup={steps / PAPER_STEPS:g}",
                    *GUIDED,
                ),
            )
            for name, steps in _WARMUPS.items()
        ),
        Variant(name="all", overrides=supervised("full", *GUIDED)),
    ),
    reference="25k",
    paper="warms up for 25k of its 200k steps.",
    not_shown=(
        "How many steps finding the characters takes at full size: a fraction of our steps is not "
        "the same fraction of the paper's."
    ),
    primary=Contrast(variant="all", against="25k"),
    secondary=tuple(Contrast(variant=name, against="25k") for name in _WARMUPS if name != "25k"),
)
