"""A log at an address: what its server can make an auditor hold, and what is no address."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit.read import source
from exporters.audit.read.source import SourceError, Web, is_address
from tests.support.raw_server import answering, dripping, whole

DRIP = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *dripping(b"x" * 100)]


def require_refused(path: str, parts: list[bytes], why: str) -> None:
    with (
        answering(*parts) as server,
        Web(server.url) as web,
        pytest.raises(SourceError, match=why),
    ):
        web.read(path)


@pytest.mark.parametrize(
    "path", ["checkpoint", "log.json", "checkpoints/00000000000000000007", "epochs/X/checkpoint"]
)
def test_a_checkpoint_that_drips_or_has_no_end_is_given_up(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "NOTE_SECONDS", 0.5)
    require_refused(path, DRIP, r"within 0\.5 s")
    require_refused(path, [whole(b"x" * ((1 << 20) + 1))], "more than 1048576 bytes")


@pytest.mark.parametrize("path", ["tile/entries/000", "blobs/" + "a" * 64, "checkpoints/"])
def test_a_large_file_has_more_time_and_room(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_SECONDS", 0.5)
    with answering(whole(b"x" * (2 << 20))) as server, Web(server.url) as web:
        assert web.read(path) == b"x" * (2 << 20)
    require_refused(path, DRIP, r"within 0\.5 s")


def test_a_log_that_is_served_compressed_is_refused() -> None:
    answer = whole(b"bomb", b"Content-Encoding: zstd")
    require_refused("checkpoint", [answer], "'zstd', which is refused")


@pytest.mark.parametrize(
    "url", ["http://[bad", "http://", "https:///audit", "http://x:99999/", "http://x:port"]
)
def test_what_is_no_address_is_an_error_of_usage(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not is_address(url)
    assert main(["audit", "pull", url, "-o", str(tmp_path / "copy")]) == 2
    assert main(["audit", "verify", url]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_name_that_cannot_be_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "pull", "http://xn--/audit", "-o", str(tmp_path / "copy")]) == 3
    assert "defect" not in capsys.readouterr().err
