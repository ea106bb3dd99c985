"""Studies that ask for the same run share it."""

from benchmarks.study import load_study


def test_rows_shared_with_the_supervision_study_are_the_same_runs(tmp_path):
    own, other = (load_study(n).cells(tmp_path) for n in ("comparison", "supervision"))

    def runs(cells, name):
        return [[r.name for r in c.runs] for c in cells if c.variant.name == name]

    assert runs(own, "unsupervised") == runs(other, "none")
    assert runs(own, "dreamtext-objective") == runs(other, "balanced")
