"""`pantau audit unseal` prints what is sealed where the keys are, and says why it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit import place, requests, vault
from tests.unit.exporters.audit.logs import write_log
from tests.unit.exporters.audit.requested import disclosed


@pytest.fixture
def log(tmp_path: Path) -> place.Place:
    return place.find(write_log(tmp_path))


def test_a_sealed_text_is_printed_and_steers_no_terminal(
    log: place.Place, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = vault.seal(log.state, log.public, "Siti \x1b[2J café\nyes".encode())
    assert main(["audit", "unseal", str(log.public), digest]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Siti \\x1b[2J café\nyes\n"
    assert "records this in the log" in printed.err


def test_that_it_was_read_is_recorded_and_what_it_says_is_not(log: place.Place) -> None:
    digest = vault.seal(log.state, log.public, b"Siti")
    for given in (digest, digest.removeprefix("sha256:")):
        assert main(["audit", "unseal", str(log.public), given]) == 0
    assert disclosed(log) == [{"what": "text", "blob": digest}] * 2


def test_what_cannot_be_noted_is_not_shown(
    log: place.Place, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = vault.seal(log.state, log.public, b"Siti")
    (log.state / requests.FOLDER).write_text("no folder")
    assert main(["audit", "unseal", str(log.public), digest]) == 3
    assert "Siti" not in capsys.readouterr().out


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
