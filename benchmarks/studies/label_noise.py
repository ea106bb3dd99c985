"""What do imperfect character labels cost, and whom? The paper argues that labels which are wrong
throughout hold a model back that is supervised throughout.

Grades of noise, as labels of real data sets have it: boxes instead of strokes; boxes beside their
characters, by a normal shift of so large a share of their width (and .7 of that of their height);
a third of the characters without a label; some under their neighbour's. The last rows train on few
samples, which come again about ten times: always with the same error, or each time with another.
"""

from benchmarks.studies._scale import GUIDED, PLAIN, supervised
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.variants import cross

_ARMS = (
    Variant(name="balanced", overrides=supervised("balanced", *GUIDED)),
    Variant(name="full", overrides=supervised("full", *GUIDED)),
    Variant(name="full alone", overrides=supervised("full", *PLAIN)),  # no term of DreamText's
)


def _shifted(share: float) -> tuple[str, ...]:
    return (
        "data.labels.form=boxes",
        f"data.labels.shift_x={share:g}",
        f"data.labels.shift_y={0.7 * share:g}",
    )


_NOISE = (
    Variant(name="exact"),
    Variant(name="boxes", overrides=("data.labels.form=boxes",)),
    *(Variant(name=f"shift {s:g}", overrides=_shifted(s)) for s in (0.1, 0.2, 0.35, 0.5)),
    Variant(name="missing .3", overrides=("data.labels.missing=0.3",)),
    Variant(name="swapped .15", overrides=("data.labels.swapped=0.15",)),
)
_FEW = tuple(
    Variant(
        name=name,
        overrides=("data.train_size=4000", *_shifted(0.35), f"data.labels.drawn={drawn}"),
    )
    for name, drawn in (("few persistent", "sample"), ("few anew", "visit"))
)

STUDY = Study(
    name="label_noise",
    question="How wrong may character labels be, for a warm-up (balanced) and throughout (full)?",
    variants=(*cross(_ARMS, _NOISE), *cross(_ARMS[:2], _FEW)),
    reference="full exact",
    paper="argues that labels which are imperfect throughout hold a model back, and varies none.",
    not_shown="How wrong the labels of real data sets are.",
    primary=Contrast(variant="balanced shift 0.35", against="full shift 0.35"),
    secondary=(
        Contrast(variant="balanced exact", against="full exact"),
        Contrast(variant="full alone shift 0.35", against="full alone exact"),
        Contrast(variant="balanced few anew", against="balanced few persistent"),
        Contrast(variant="full few anew", against="full few persistent"),
    ),
)
