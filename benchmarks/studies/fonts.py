"""How many fonts must training see? Two, the preset's twelve, or all 34; read in fonts that
training has seen, in families it has not, and in scripts and display faces among those.

Which fonts are seen depends on the row, so rows have other samples there; they are compared in
reconstruction, whose samples are the same for all, half of them in fonts that no row has seen."""

from benchmarks.runs.manifest import Benchmark
from benchmarks.studies._scale import GUIDED, supervised
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.study import RECONSTRUCTION
from benchmarks.study.variants import axis, cross

_BALANCED = Variant(name="", overrides=supervised("balanced", *GUIDED))

STUDY = Study(
    name="fonts",
    question="Fonts in training: two, twelve, all (0); read in seen, unseen, script, display ones.",
    variants=cross((_BALANCED,), axis("data.fonts", (2, 12, 0))),
    reference="fonts=12",
    not_shown="What more than these 34 fonts would bring.",
    benchmarks=(
        RECONSTRUCTION,
        Benchmark(fonts="seen"),
        Benchmark(fonts="unseen"),
        Benchmark(fonts="script"),
        Benchmark(fonts="display"),
    ),
    primary=Contrast(variant="fonts=0", against="fonts=2"),
)
