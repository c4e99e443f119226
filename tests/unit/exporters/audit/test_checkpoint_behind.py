"""A checkpoint that is kept and not shown: what a crash leaves is told from a log put back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from exporters.audit.findings import Verification
from exporters.audit.read.evidence import Evidence, read_checkpoint, read_key
from exporters.audit.read.verify import verify_published
from exporters.audit.tree_files import TreeFiles
from policies.model import Notice
from tests.unit.exporters.audit.logs import NOTHING, Hands, number, writer
from tests.unit.exporters.samples import START


def notices(first: int, end: int) -> list[Notice]:
    return [
        Notice(name="agent.start", id=f"n{i}", time=START, system=None, data={})
        for i in range(first, end)
    ]


@pytest.fixture
def crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log whose agent ended after it kept its third checkpoint, before it showed it."""
    exporter = writer(tmp_path, Hands())
    exporter.start(NOTHING)
    for first, end in ((0, 10), (10, 300)):
        exporter.export(number(notices(first, end)))
        exporter._publisher.publish()  # type: ignore[union-attr]
    exporter.export(number(notices(300, 320)))

    def ends(self: TreeFiles, content: bytes) -> None:
        raise OSError("ended here")

    monkeypatch.setattr(TreeFiles, "expose", ends)
    with pytest.raises(OSError, match="ended here"):
        exporter._publisher.publish()  # type: ignore[union-attr]
    for name in ("audit", "audit.state"):
        shutil.copytree(tmp_path / name, tmp_path / "after" / name)
    monkeypatch.undo()
    exporter.stop(5.0)
    return tmp_path / "after" / "audit"


def newest(log: Path) -> list[Path]:
    return sorted((log / "checkpoints").iterdir())


def verified(log: Path, *against: Path) -> Verification:
    (vkey,) = json.loads((log / "log.json").read_bytes())["vkeys"]
    remembered = tuple(read_checkpoint(str(path)) for path in against)
    return verify_published(log, Evidence((read_key(vkey),), remembered))


def told(found: Verification) -> set[str]:
    return {finding.code for finding in found.findings}


def test_what_a_crash_leaves_is_no_rollback_and_no_pass(crashed: Path) -> None:
    found = verified(crashed)
    assert told(found) == {"checkpoint_behind", "no_external_checkpoint"}
    assert (found.result, found.checks["history"]) == ("UNKNOWN", "UNKNOWN")
    (detail,) = [f.detail for f in found.findings if f.code == "checkpoint_behind"]
    assert detail.startswith("321 records are here and signed")


def test_who_remembers_it_was_shown_it_unless_it_is_a_witness(crashed: Path) -> None:
    found = verified(crashed, newest(crashed)[-1])
    assert told(found) == {"checkpoint_behind", "rollback"}
    (detail,) = [f.detail for f in found.findings if f.code == "rollback"]
    assert "kept there with all its records" in detail


def test_the_agent_shows_it_when_it_starts_again(crashed: Path) -> None:
    exporter = writer(crashed.parent, boot="boot-2")
    exporter.start(NOTHING)
    exporter.stop(5.0)
    found = verified(crashed, newest(crashed)[0])
    assert "checkpoint_behind" not in told(found)
    assert found.checks["history"] == "PASS"


def test_records_that_are_gone_are_a_rollback(crashed: Path) -> None:
    (crashed / "tile" / "entries" / "001.p" / "65").unlink()
    assert "rollback" in told(verified(crashed))


def test_two_steps_back_are_a_rollback(crashed: Path) -> None:
    shutil.copy(newest(crashed)[0], crashed / "checkpoint")
    assert "rollback" in told(verified(crashed))


def test_one_step_back_is_a_rollback_to_whoever_remembers_a_later_log(
    crashed: Path, tmp_path: Path
) -> None:
    shutil.copy(newest(crashed)[-1], tmp_path / "kept")
    newest(crashed)[-1].unlink()
    assert told(verified(crashed, tmp_path / "kept")) == {"rollback"}


def test_a_kept_checkpoint_that_nobody_signed_counts_for_nothing(crashed: Path) -> None:
    kept = newest(crashed)[-1]
    kept.chmod(0o644)
    kept.write_bytes(kept.read_bytes().replace(b"\n321\n", b"\n320\n"))
    assert "kept_checkpoint_altered" in told(verified(crashed))
