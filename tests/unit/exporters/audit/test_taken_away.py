"""Somebody takes the published files away, while the agent runs or while it does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exporters.audit.read.evidence import Evidence
from exporters.audit.read.verify import verify_published
from tests.unit.exporters.audit.lives import Life
from tests.unit.exporters.audit.logs import judged, number, policy_change


@pytest.fixture
def life(tmp_path: Path) -> Life:
    life = Life(tmp_path)
    grow(life, 1)
    return life


def grow(life: Life, window: int) -> None:
    """Export a window and publish it."""
    life.exporter.export(number([judged(window)]))
    assert life.exporter._publisher is not None
    life.exporter._publisher.attempt()


@pytest.mark.parametrize("gone", ["", "tile", "checkpoint"])
def test_a_running_agent_signs_nothing_over_files_that_are_gone(life: Life, gone: str) -> None:
    before = life.log.joinpath("checkpoint").read_text().splitlines()[0]
    path = life.log / gone
    path.unlink() if path.is_file() else shutil.rmtree(path)
    grow(life, 2)
    assert life.exporter._publisher is not None
    assert life.exporter._publisher.broken is not None
    assert "is missing" in life.exporter._publisher.broken
    # The next tick goes on in another epoch, which says why.
    life.exporter.tick(life.hands.wall)
    grow(life, 3)
    life.exporter.stop(5.0)
    after = life.log.joinpath("checkpoint").read_text().splitlines()[0]
    assert after != before
    found = verify_published(life.log, Evidence())
    assert "gap_recorded" in {finding.code for finding in found.findings}


def test_a_text_that_was_taken_away_is_there_again_after_a_restart(life: Life) -> None:
    shutil.rmtree(life.log / "blobs")
    missing = {finding.code for finding in verify_published(life.log, Evidence()).findings}
    assert "blob_missing" in missing
    life.restart()
    life.exporter.export(number([policy_change()]))
    life.exporter.stop(5.0)
    found = {finding.code for finding in verify_published(life.log, Evidence()).findings}
    assert found == {"no_external_checkpoint"}
