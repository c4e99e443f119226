"""The clean log of `tests.support.tampering` as fixtures, and a copy of it for each test.

Fixtures are found by name where a `conftest.py` imports them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.tampering import Lab, write_clean


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clean log, not to be changed."""
    base = tmp_path_factory.mktemp("clean")
    write_clean(base)
    return base


@pytest.fixture
def lab(clean: Path, tmp_path: Path) -> Lab:
    """A copy of the clean log to be tampered with; there is no other log beside it."""
    shutil.copytree(clean, tmp_path / "lab")
    return Lab(tmp_path / "lab", tmp_path / "none")
