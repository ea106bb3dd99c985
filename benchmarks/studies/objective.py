"""The objective as the paper states it, as the released code has it, and each difference alone.

What each of them is stands once, in `dreamtext.configs.objectives`. Every row starts from the scale
model's base model, which knows no words, and is trained whole. The released code trains attention
and two layers of the encoder alone, which makes sense from a base model that paints words and a
pre-trained encoder only: that difference (`scope`) is left out of all rows here.
"""

from benchmarks.study import Contrast, Study, Variant
from dreamtext.configs.objectives import PAPER, RELEASED

_PARTS = {name: overrides for name, overrides in RELEASED.items() if name != "scope"}

STUDY = Study(
    name="objective",
    question="Paper's objective against the released code's, and each of its differences alone.",
    variants=(
        Variant(name="paper", overrides=PAPER),
        Variant(
            name="released",
            overrides=(*PAPER, *(text for part in _PARTS.values() for text in part)),
        ),
        *(Variant(name=f"released {n}", overrides=(*PAPER, *o)) for n, o in _PARTS.items()),
    ),
    reference="paper",
    paper="states one objective; the code released with it has another.",
    not_shown=(
        "Which of the two made the paper's numbers, or what the released scope of training "
        "changes: it needs a base model that knows words."
    ),
    primary=Contrast(variant="released", against="paper"),
    secondary=tuple(Contrast(variant=f"released {n}", against="paper") for n in _PARTS),
)
