"""For every test: no cell kept in the project counts as done, and none is kept there."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def cells_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    os.environ["DREAMTEXT_CELLS"] = str(tmp_path_factory.mktemp("cells"))
    yield
    del os.environ["DREAMTEXT_CELLS"]


@pytest.fixture
def gpu() -> Iterator[set[str]]:
    """A GPU that is not there, and where the host has waited for it (`helpers.fake_gpu`)."""
    from helpers.fake_gpu import ALLOWED, fake_gpu

    with pytest.MonkeyPatch.context() as patch, fake_gpu(patch) as waits:
        yield waits
    assert waits <= set(ALLOWED), "the host waits where it need not"
