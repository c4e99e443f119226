"""`pantau report evidence` and `report erase`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.evidence.cite import Found
from agent.evidence.folder import Failure, Folder
from agent.evidence.sample import digest
from policies.model import Window
from tests.support.decisions import SYSTEM


def kept(folder: Path, *names: str) -> list[str]:
    """Keep one sample per name, without a report; return their digests."""
    place = Folder(folder / "pantau-state" / "evidence")
    found = []
    for number, name in enumerate(names):
        body = name.encode()
        window = Window(number * 3_600, (number + 1) * 3_600, "1h")
        place.keep(Found("loans", window, 0, ("DR-1",), digest(body), body), 1)
        found.append(digest(body))
    return found


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "pantau.yaml"
    path.write_text(SYSTEM + "evidence: {enabled: true}\n")
    return str(path)


def test_what_is_kept_is_listed_with_what_came_of_it(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = kept(tmp_path, "a", "b")
    folder = Folder(tmp_path / "pantau-state" / "evidence")
    folder.fail(one, Failure("timeout"))
    for name in ("report.html", "report.json"):
        (folder.place(other) / name).write_text("x")
    assert main(["report", "evidence", "-c", config, "--output", "json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["evidence"], first["report"], first["html"]) == (one, "timeout", None)
    assert (second["report"], second["html"]) == (
        "made",
        str(folder.place(other) / "report.html"),
    )
    assert main(["report", "evidence", "-c", config]) == 0
    assert "1h to 1970-01-01T02:00:00Z" in capsys.readouterr().out
    assert main(["report", "evidence", "-c", config, one[:15]]) == 0
    assert other[7:19] not in capsys.readouterr().out


def test_where_nothing_is_kept_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pantau.yaml"
    path.write_text(SYSTEM)
    assert main(["report", "evidence", "-c", str(path)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "evidence: {enabled: true}" in told.err
    assert main(["report", "evidence", "-c", str(path), "sha256:abcdef01"]) == 3


def test_one_or_all_are_erased(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, _, _ = kept(tmp_path, "a", "b", "c")
    folder = Folder(tmp_path / "pantau-state" / "evidence")
    assert main(["report", "erase", "-c", config, one[:20]]) == 0
    assert len(folder.entries()) == 2
    assert main(["report", "erase", "-c", config, one]) == 3
    assert main(["report", "erase", "-c", config, "--all"]) == 0
    assert folder.entries() == []
    assert len(folder.erased()) == 3
    assert "erased 2" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--all", "sha256:abcdef01"], ["abc"]])
def test_too_little_or_too_much_said_erases_nothing(
    config: str, tmp_path: Path, arguments: list[str]
) -> None:
    kept(tmp_path, "a")
    assert main(["report", "erase", "-c", config, *arguments]) == 2
    assert len(Folder(tmp_path / "pantau-state" / "evidence").entries()) == 1
