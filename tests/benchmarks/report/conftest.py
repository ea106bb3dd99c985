"""What tests of tables share."""

import pytest
from helpers import tables


@pytest.fixture
def record():
    return tables.known_record()
