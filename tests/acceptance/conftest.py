"""What several acceptance tests start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.two_sources import Agent


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """A pipeline whose first source has been assigned and holds events, and whose second waits."""
    made = Agent(tmp_path)
    made.assign("first")
    made.assign("second")
    made.bring("first")
    yield made
    made.store.close()
