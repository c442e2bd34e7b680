"""What tests of several files share."""

from __future__ import annotations

import pytest

from tests.orchestration.hostile import DataSet, make_hostile


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """The data set of `hostile`, after its two runs; tests that use it are of the group `hostile`."""
    return make_hostile(tmp_path_factory.mktemp("hostile"))
