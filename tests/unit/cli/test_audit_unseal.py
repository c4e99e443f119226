"""`pantau audit unseal` prints what is sealed where the keys are, and says why it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit import place, vault
from tests.unit.exporters.audit.logs import write_log


@pytest.fixture
def log(tmp_path: Path) -> place.Place:
    return place.find(write_log(tmp_path))


def test_a_sealed_text_is_printed_and_steers_no_terminal(
    log: place.Place, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = vault.seal(log.state, log.public, "Siti \x1b[2J café\nyes".encode())
    assert main(["audit", "unseal", str(log.public), digest]) == 0
    assert capsys.readouterr().out == "Siti \\x1b[2J café\nyes\n"


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "../../x", ""])
def test_what_is_no_sealed_text_is_said_to_be_none(
    log: place.Place, digest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "unseal", str(log.public), digest]) == 2
    assert "defect" not in capsys.readouterr().err


def test_without_the_private_part_nothing_can_be_read(
    log: place.Place, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = vault.seal(log.state, log.public, b"x")
    shutil.rmtree(log.state)
    assert main(["audit", "unseal", str(log.public), digest]) == 2
    assert "is not on this machine" in capsys.readouterr().err
