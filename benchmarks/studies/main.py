"""The paper's main table: every published system as its authors run it, and the references.

A data set is a report: `study run main --set data.name=icdar13 --set data.root=FOLDER` goes to
`results/main-icdar13`. Weights and checkouts are looked for below $DREAMTEXT_BASELINES;
`dreamtext doctor` lists what is missing, and a system that lacks something has an empty row.
UDiffText's two options of sampling, off and on, are rows of their own.
"""

from benchmarks.studies.comparison import STUDY as COMPARISON
from benchmarks.study import Contrast, Study, Variant

_REFINED, _CHOSEN = "refinement=attention", "noises=10"
_AS_THEY_COME = (
    *("truth", "masked", "opencv", "typeset", "sd2-inpainting"),
    *("textdiffuser", "diffste", "mostel", "anytext"),
    *("textctrl", "anytext2", "textflux", "flux-text"),
    *("udifftext-original", "udifftext", "dreamtext-original", "released"),
)

STUDY = Study(
    name="main",
    question="How well do published systems paint the word they are given, by one protocol?",
    preset="paper",
    variants=(
        *(Variant(name=name, system=name) for name in _AS_THEY_COME),
        Variant(name="udifftext-refined", system="udifftext", overrides=(_REFINED,)),
        Variant(name="udifftext-best10", system="udifftext", overrides=(_CHOSEN,)),
        Variant(name="udifftext-both", system="udifftext", overrides=(_REFINED, _CHOSEN)),
    ),
    reference="released",
    primary=Contrast(variant="released", against="udifftext", metric="SeqAcc-ci/raw"),
    secondary=(
        Contrast(variant="released", against="udifftext", metric="SeqAcc-ci/raw", task="editing"),
    ),
    metrics=COMPARISON.metrics,
)
