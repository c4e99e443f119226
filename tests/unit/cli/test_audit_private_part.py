"""Whose private files commands touch: those of the log they are given, whatever a folder says."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit import place
from tests.support.tampering import Lab, write_clean


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of another agent, with its log and its private files."""
    base = tmp_path_factory.mktemp("other")
    write_clean(base, "bank/cards")
    return base


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def name_in_hint(lab: Lab, state: Path) -> None:
    hint = json.loads((lab.log / "log.json").read_text())
    (lab.log / "log.json").write_text(json.dumps({**hint, "state": str(state)}))


def link_beside(lab: Lab, state: Path) -> None:
    shutil.rmtree(lab.base / "audit.state")
    (lab.base / "audit.state").symlink_to(state)


@pytest.mark.parametrize("lead", [name_in_hint, link_beside])
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["export", "LOG", "--format", "jsonl", "-o", "OUT"], 0),
        (["keys", "LOG", "--replay-key", "-o", "OUT"], 2),
        (["keys", "LOG", "--rotate"], 2),
        (["erase", "LOG", "--replay-key", "all"], 2),
        (["unseal", "LOG", "sha256:" + "a" * 64], 2),
        (["verify", "LOG", "--replay"], 4),
    ],
)
def test_a_folder_cannot_lead_to_the_private_files_of_another_log(
    lab: Lab,
    other: Path,
    lead: object,
    options: list[str],
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    state = other / "audit.state"
    before = content(state)
    assert callable(lead)
    lead(lab, state)
    names = {"LOG": str(lab.log), "OUT": str(lab.base / "out")}
    assert main(["audit", *(names.get(option, option) for option in options)]) == code
    said = capsys.readouterr().err
    assert content(state) == before
    if options[0] == "verify":
        assert str(state) not in said
    else:
        assert "is taken for a copy" in " ".join(said.replace("│", " ").split())
    assert options[0] == "export" or not (lab.base / "out").exists()


@pytest.mark.parametrize("named", ["", "..", "\0", "x" * 5_000, "/nowhere", "log.json"])
def test_what_is_no_private_part_leads_nowhere(lab: Lab, named: str) -> None:
    name_in_hint(lab, Path("placeholder"))
    hint = json.loads((lab.log / "log.json").read_text())
    (lab.log / "log.json").write_text(json.dumps({**hint, "state": named}))
    at = place.find(lab.log)
    assert place.foreign(lab.log) is not None
    assert not place.is_state(at.state)


@pytest.mark.parametrize("linked", [False, True])
def test_the_logs_own_private_part_is_found_elsewhere(lab: Lab, linked: bool) -> None:
    elsewhere = lab.base / "volume" / "private"
    elsewhere.parent.mkdir()
    (lab.base / "audit.state").rename(elsewhere)
    if linked:
        (lab.base / "audit.state").symlink_to(elsewhere)
    else:
        name_in_hint(lab, elsewhere)
    out = lab.base / "out"
    assert main(["audit", "keys", str(lab.log), "--replay-key", "-o", str(out)]) == 0
    assert out.exists()
    assert len(list((elsewhere / "requests").iterdir())) == 1


def test_a_pipe_in_the_place_of_a_key_holds_nobody_up(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "private" / "keys").mkdir(parents=True)
    os.mkfifo(tmp_path / "private" / "keys" / f"{lab.origin.rpartition('/')[2]}.json")
    name_in_hint(lab, tmp_path / "private")
    assert place.foreign(lab.log) == tmp_path / "private"
