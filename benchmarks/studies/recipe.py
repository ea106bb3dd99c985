"""What did making a run cheap cost? The preset's recipe, 600 steps from the base model in bfloat16,
against the one before it: twice as many steps from nothing, in float32."""

from benchmarks.studies._scale import GUIDED, supervised
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.variants import cross

_ARMS = tuple(
    Variant(name=mode, overrides=supervised(mode, *GUIDED)) for mode in ("balanced", "full")
)
_BEFORE = (
    "model.unet.weights=''",
    "training.steps=1200",
    "training.ema=0.998",
    "training.mixed_precision=no",
    "training.self_attention=mixed",
)

STUDY = Study(
    name="recipe",
    question=(
        "A run of 600 steps from the base model in bfloat16, against 1,200 from nothing in float32."
    ),
    variants=cross(_ARMS, (Variant(name=""), Variant(name="before", overrides=_BEFORE))),
    reference="balanced",
    seeds=(0,),  # it asks for the price of a recipe, not for its order
    not_shown="Which of its three changes, steps, start and precision, did what.",
    primary=Contrast(variant="balanced", against="balanced before"),
    secondary=(Contrast(variant="full", against="full before"),),
)
