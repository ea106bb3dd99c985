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
    seeds=(0, 1, 2, 3, 4),
    primary=Contrast(variant="full", against="balanced"),
    secondary=(
        Contrast(variant="full", against="balanced", task="editing"),
        Contrast(variant="full", against="balanced", metric="mIoU"),
        Contrast(variant="balanced", against="none"),
        Contrast(variant="balanced", against="none", task="editing"),
    ),
)
