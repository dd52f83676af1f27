"""What the tests of the page share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope='session', autouse=True)
def folder_of_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let pytest choose its folder before a test changes where temporary files go."""
    tmp_path_factory.getbasetemp()
