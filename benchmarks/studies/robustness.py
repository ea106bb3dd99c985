"""How do systems cope with harder pictures than they were trained on? Nothing is trained: the runs
are those of the study `supervision`, the pictures are corrupted when they are tested."""

from benchmarks.runs.manifest import Benchmark
from benchmarks.studies.supervision import STUDY as SUPERVISION
from benchmarks.study import Contrast, Study, Variant
from benchmarks.study.study import RECONSTRUCTION

_HARDER = tuple(
    Benchmark(corruption=corruption, severity=severity)
    for corruption in ("low_resolution", "blur", "occlusion", "clutter", "rotation")
    for severity in (0.5, 1.0)
)

STUDY = Study(
    name="robustness",
    question="Pictures of low resolution, blurred, behind a bar, cluttered, turned; no training.",
    variants=(*SUPERVISION.variants, Variant(name="typeset", system="typeset")),
    reference="balanced",
    not_shown=(
        "What training on such pictures would help: they are corrupted only when they are tested."
    ),
    benchmarks=(RECONSTRUCTION, *_HARDER),
    primary=Contrast(variant="full", against="balanced", task="reconstruction, rotation 0.5"),
)
