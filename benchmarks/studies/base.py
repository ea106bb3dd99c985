"""What does a base model change? The paper's arms start from Stable Diffusion; those of the scale
model start from a small inpainting model that has seen no word and no label, or from nothing."""

from benchmarks.studies._scale import GUIDED, SUPERVISION
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.variants import cross

_STARTS = (
    Variant(name="", overrides=GUIDED),
    Variant(name="from scratch", overrides=(*GUIDED, "model.unet.weights=''")),
)

STUDY = Study(
    name="base",
    question="None, balanced and full supervision, from the base model and from scratch.",
    variants=cross(SUPERVISION, _STARTS),
    reference="balanced",
    paper="starts all of its arms from Stable Diffusion 2.",
    not_shown="What a base model changes that has seen words: this one has seen none.",
    primary=Contrast(variant="balanced from scratch", against="balanced"),
    secondary=(
        Contrast(variant="none from scratch", against="none"),
        Contrast(variant="full from scratch", against="full"),
    ),
)
