"""`pantau check` on audit attributes: a privileged group that is none, groups that nobody named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from tests.unit.cli import stream


def notes(config: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["check", "-c", str(config), "--output", "json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [d["text"] for d in found if d["kind"] == "note"]


def changed(folder: Path, *changes: tuple[str, str]) -> Path:
    config = stream.write(folder)
    text = config.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    return config


NO_REFERENCE = ("    reference: {data: past.csv}\n", "")


def test_a_privileged_group_that_does_not_occur_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = changed(tmp_path, ("privileged: male", "privileged: Male"))
    (note,) = [n for n in notes(config, capsys) if "privileged" in n]
    assert note == (
        "`privileged: Male` is none of the sampled groups of gender (female, male): no gap of "
        "gender is assessed until it occurs; correct `audit_attributes.gender.privileged`"
    )
    assert not [n for n in notes(stream.write(tmp_path), capsys) if "privileged" in n]


def test_groups_that_nobody_named_are_told_with_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = changed(tmp_path, NO_REFERENCE, ("privileged: male, ", ""))
    live = tmp_path / "live.csv"
    rows = live.read_text(encoding="utf-8").splitlines()
    people = [row.replace(",male,", f",p{i // 9}@x.example,") for i, row in enumerate(rows)]
    live.write_text("\n".join(people) + "\n", encoding="utf-8")
    (note,) = [n for n in notes(config, capsys) if "named the groups" in n]
    assert "the sample has 162 values" in note
    assert "`audit_attributes.gender.groups`" in note
    assert "@" not in note


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [NO_REFERENCE, ("{privileged: male,", "{privileged: male, groups: [male, female],")],
    ],
)
def test_groups_that_are_named_or_in_the_reference_need_no_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: list[tuple[str, str]]
) -> None:
    config = changed(tmp_path, *changes)
    assert not [n for n in notes(config, capsys) if "named the groups" in n]


def test_people_in_the_place_of_groups_are_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = changed(tmp_path, ("privileged: male", "privileged: Male"))
    live = tmp_path / "live.csv"
    text = live.read_text(encoding="utf-8").splitlines()
    text[1:3] = [row.replace("male,", "@x.example,") for row in text[1:3]]
    live.write_text("\n".join(text) + "\n", encoding="utf-8")
    (note,) = [n for n in notes(config, capsys) if "privileged" in n]
    assert "@" not in note
