from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from agent.cli.main import main
from tests.unit.cli import stream


def build(config: Path, source: Path, out: Path, *more: str) -> int:
    command = ["reference", "build", "-c", str(config), "--input", str(source), "-o", str(out)]
    return main([*command, *more])


def test_a_profile_is_written_and_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = stream.write(tmp_path), tmp_path / "ref.json"
    assert build(config, tmp_path / "past.csv", out, "--output", "json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    assert (document["rows"], document["duplicates"]) == (1_500, 0)
    assert document["features"] == {"income": "numeric", "purpose": "categorical"}
    assert document["digest"] == json.loads(out.read_bytes())["digest"]
    assert (document["start"], document["end"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:59:00Z")


def test_the_order_of_the_events_does_not_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    header, *lines = stream.rows(1_500, 1)
    random.Random(7).shuffle(lines)
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    assert build(config, tmp_path / "past.csv", tmp_path / "a.json") == 0
    assert build(config, shuffled, tmp_path / "b.json") == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert "rows      1500, from 2026-01-01T00:00:00Z" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no record in it"),
        ("id,at,income,purpose,gender,approve\n", "no record in it"),
        ("id,at,income,purpose,gender,approve\n1,never,1,car,male,1\n", "unreadable_time 1"),
    ],
)
def test_an_empty_input_is_refused(
    content: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, source = stream.write(tmp_path), tmp_path / "other.csv"
    source.write_text(content, encoding="utf-8")
    assert build(config, source, tmp_path / "ref.json") == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "other.csv" in err
    assert why in err
    assert not (tmp_path / "ref.json").exists()
