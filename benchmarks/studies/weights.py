"""How sensitive is the result to gamma, alpha and beta? Each moved alone, by tens."""

from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.variants import axis

STUDY = Study(
    name="weights",
    question="Weights of the loss: gamma, alpha and beta, each alone, around the paper's values.",
    variants=(
        Variant(name="paper"),  # gamma 1, alpha 0.01, beta 0.001
        *axis("objective.gamma", (0.1, 0.5, 2.0, 10.0)),
        *axis("objective.alpha", (0.0001, 0.001, 0.1, 1.0)),
        *axis("objective.beta", (0.00001, 0.0001, 0.01, 0.1)),
    ),
    reference="paper",
    primary=Contrast(variant="alpha=1", against="paper"),
    secondary=tuple(
        Contrast(variant=name, against="paper") for name in ("alpha=0.1", "gamma=10", "beta=0.1")
    ),
)
