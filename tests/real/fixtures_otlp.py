"""Fixture: the OpenTelemetry Collector's OTLP receiver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.otlp_receiver import OtlpReceiver


@pytest.fixture
def otlp_receiver(tmp_path: Path) -> Iterator[OtlpReceiver]:
    """A running receiver; building it the first time takes a minute or two."""
    folder = tmp_path / "otlp"
    folder.mkdir()
    receiver = OtlpReceiver(folder)
    receiver.start()
    yield receiver
    receiver.stop()
