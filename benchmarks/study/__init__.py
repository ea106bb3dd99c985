"""What is compared: `from benchmarks.study import Contrast, Study, Variant`."""

from benchmarks.study.contrast import Contrast
from benchmarks.study.study import (
    EDITING,
    RECONSTRUCTION,
    Cell,
    Study,
    Variant,
    load_study,
    study_names,
)

__all__ = [
    "EDITING",
    "RECONSTRUCTION",
    "Cell",
    "Contrast",
    "Study",
    "Variant",
    "load_study",
    "study_names",
]
