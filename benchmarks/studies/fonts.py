"""How many fonts must training see? Two, the preset's twelve, or all forty; read in fonts that
training has seen, in families it has not, and in scripts and display faces among those."""

from benchmarks.runs.manifest import Benchmark
from benchmarks.studies._scale import GUIDED, supervised
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.study import RECONSTRUCTION
from benchmarks.study.variants import axis, cross

_BALANCED = Variant(name="", overrides=supervised("balanced", *GUIDED))
_UNSEEN = Benchmark(fonts="unseen")

STUDY = Study(
    name="fonts",
    question="Fonts in training: two, twelve, all (0); read in seen, unseen, script, display ones.",
    variants=cross((_BALANCED,), axis("data.fonts", (2, 12, 0))),
    reference="fonts=12",
    benchmarks=(
        RECONSTRUCTION,
        Benchmark(fonts="seen"),
        _UNSEEN,
        Benchmark(fonts="script"),
        Benchmark(fonts="display"),
    ),
    primary=Contrast(variant="fonts=0", against="fonts=2", task=_UNSEEN.name),
)
