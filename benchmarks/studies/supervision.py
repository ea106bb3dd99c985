"""Does DreamText need ground-truth character masks, and for how long?"""

from benchmarks.study import Contrast, Study, Variant

STUDY = Study(
    name="supervision",
    question="Character-mask supervision: none, for a warm-up (balanced), or throughout (full).",
    variants=(
        Variant(name="none", overrides=("objective.supervision.mode=none",)),
        Variant(name="balanced", overrides=("objective.supervision.mode=balanced",)),
        Variant(name="full", overrides=("objective.supervision.mode=full",)),
    ),
    reference="none",
    primary=Contrast(variant="full", against="balanced"),
    secondary=(
        Contrast(variant="full", against="balanced", task="editing"),
        Contrast(variant="full", against="balanced", metric="mIoU"),
        Contrast(variant="balanced", against="none"),
        Contrast(variant="balanced", against="none", task="editing"),
    ),
)
