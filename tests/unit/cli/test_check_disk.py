"""`pantau check` where the disk of the audit log is nearly full."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from tests.unit.cli import stream


@pytest.mark.parametrize(("spare", "warned"), [(-1, True), (0, False)])
def test_little_room_is_a_warning_in_mib(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    spare: int,
    warned: bool,
) -> None:
    config = stream.write(tmp_path)
    monkeypatch.setattr("agent.cli.check_connections.spare", lambda path: spare)
    assert main(["check", "-c", str(config), "--output", "json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (detail,) = [d["detail"] for d in found if d.get("name") == "audit"]
    assert ("MiB is little" in detail) is warned
