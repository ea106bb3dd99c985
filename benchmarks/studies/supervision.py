"""Does DreamText need ground-truth character masks, and for how long? With L_attn acting and
without the union weighting of L_mask: the study `mechanism` holds the other combinations."""

from benchmarks.studies._scale import GUIDED, SUPERVISION
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.variants import cross

STUDY = Study(
    name="supervision",
    question="Character-mask supervision: none, for a warm-up (balanced), or throughout (full).",
    variants=cross(SUPERVISION, (Variant(name="", overrides=GUIDED),)),
    reference="none",
    paper=(
        "finds, as notes on it say, that a warm-up reads best, masks throughout next, none far "
        "below."
    ),
    not_shown=(
        "Which of balanced and full wins in the long run: reading still improves when training "
        "ends here, and these labels are exact, as those of real pictures are not."
    ),
    primary=Contrast(variant="full", against="balanced"),
    secondary=(
        Contrast(variant="full", against="balanced", task="editing"),
        Contrast(variant="full", against="balanced", metric="mIoU"),
        Contrast(variant="balanced", against="none"),
        Contrast(variant="balanced", against="none", task="editing"),
    ),
)
