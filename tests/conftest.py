"""For every test: no cell kept in the project counts as done, and none is kept there."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def cells_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    os.environ["DREAMTEXT_CELLS"] = str(tmp_path_factory.mktemp("cells"))
    yield
    del os.environ["DREAMTEXT_CELLS"]
