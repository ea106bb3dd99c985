"""The streaming reader of MATLAB 5 files against scipy's, which reads them whole."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.io import loadmat, savemat

from dreamtext.data.matfile import MatError, MatFile

CELLS = st.lists(
    st.one_of(
        npst.arrays(
            st.sampled_from([np.float32, np.float64, np.uint8, np.int32, np.int64]),
            npst.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5),
            elements={"min_value": 0, "max_value": 100},
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), min_size=1, max_size=20),
    ),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CELLS, st.booleans())
def test_cells_are_read_as_scipy_reads_them(tmp_path, cells, compressed):
    values = np.empty((1, len(cells)), object)
    for i, cell in enumerate(cells):
        values[0, i] = cell
    path = tmp_path / "a.mat"
    savemat(path, {"other": np.arange(5), "mine": values}, do_compression=compressed)
    mat = MatFile(path)
    assert set(mat.names) == {"other", "mine"}
    assert mat.count("mine") == len(cells)
    expected = loadmat(path)["mine"][0]
    for mine, theirs in zip(mat.cells("mine"), expected, strict=True):
        if isinstance(mine, list):
            # scipy strips the padding of a row; we leave it to whoever splits the text.
            assert [row.rstrip() for row in mine] == [row.rstrip() for row in theirs.tolist()]
        else:
            assert np.array_equal(mine, theirs)


def test_several_padded_lines_are_rows(tmp_path):
    values = np.empty((1, 1), object)
    values[0, 0] = np.array(["one line", "two"])
    savemat(tmp_path / "a.mat", {"txt": values})
    (rows,) = MatFile(tmp_path / "a.mat").cells("txt")
    assert [row.strip() for row in rows] == ["one line", "two"]


def test_memory_stays_bounded(tmp_path):
    values = np.empty((1, 4000), object)
    for i in range(4000):
        values[0, i] = np.full((2, 4, 100), i, np.float32)  # 13 MB in all
    savemat(tmp_path / "a.mat", {"boxes": values}, do_compression=True)
    tracemalloc.start()
    total = sum(int(cell[0, 0, 0]) for cell in MatFile(tmp_path / "a.mat").cells("boxes"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 4000 * 3999 // 2
    assert peak < 4e6


def test_version_73_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file" + b" " * 500)
    with pytest.raises(MatError, match="-v7"):
        MatFile(tmp_path / "a.mat")


def test_a_variable_that_is_not_there_is_named(tmp_path):
    savemat(tmp_path / "a.mat", {"x": np.arange(3)})
    with pytest.raises(MatError, match="'txt'"):
        next(MatFile(tmp_path / "a.mat").cells("txt"))
