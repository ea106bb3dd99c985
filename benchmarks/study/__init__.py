"""What is compared: `from benchmarks.study import Study, Variant`."""

from benchmarks.study.study import (
    EDITING,
    RECONSTRUCTION,
    Cell,
    Study,
    Variant,
    load_study,
    study_names,
)

__all__ = ["EDITING", "RECONSTRUCTION", "Cell", "Study", "Variant", "load_study", "study_names"]
