"""Exports: every record with where it stands, and a record of the export itself."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from agent.cli.main import main
from exporters.audit import requests
from exporters.audit.format.merkle import leaf_hash
from exporters.audit.read.forms import COLUMNS
from tests.support.tampering import Lab
from tests.unit.exporters.audit.logs import NOTHING, Hands, writer

REQUIRED = {
    "activity_id",
    "category_uid",
    "class_uid",
    "type_uid",
    "severity_id",
    "time",
    "metadata",
}
"""Of every OCSF event; https://schema.ocsf.io/1.9.0/base_event."""


def exported(lab: Lab, form: str) -> Path:
    output = lab.base / f"out.{form}"
    assert main(["audit", "export", str(lab.log), "--format", form, "-o", str(output)]) == 0
    return output


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_json_lines_hold_every_record_and_its_leaf_hash(lab: Lab) -> None:
    rows = lines(exported(lab, "jsonl"))
    assert [row["record"] for row in rows] == lab.records()
    assert [row["index"] for row in rows] == list(range(lab.size))
    assert {row["origin"] for row in rows} == {lab.origin}
    assert [row["leaf_hash"] for row in rows] == [leaf_hash(e).hex() for e in lab.entries()]


def test_csv_and_parquet_say_the_same(lab: Lab) -> None:
    with exported(lab, "csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    table = pq.read_table(exported(lab, "parquet")).to_pylist()
    assert tuple(read[0]) == COLUMNS
    assert len(read) == len(table) == lab.size
    as_text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in table]
    assert as_text == read
    assert [json.loads(row["record"]) for row in table] == lab.records()


def test_ocsf_events_have_what_their_class_requires(lab: Lab) -> None:
    events = lines(exported(lab, "ocsf"))
    assert len(events) == lab.size
    by_class: dict[int, int] = {}
    for event in events:
        assert event.keys() >= REQUIRED
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["category_uid"] == event["class_uid"] // 1000
        assert event["metadata"].keys() >= {"version", "product"}
        by_class[event["class_uid"]] = by_class.get(event["class_uid"], 0) + 1
        if event["class_uid"] == 2004:
            assert event["finding_info"]["uid"]
        if event["class_uid"] == 3004:
            assert event["entity"]["name"]
        assert json.loads(event["unmapped"]["record"])["seq"] == int(event["unmapped"]["index"])
    assert by_class[2004] == 1
    assert by_class[3004] == 1


def test_a_cell_that_a_spreadsheet_would_run_is_quoted(lab: Lab) -> None:
    def change(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        documents[5]["subject"] = "=cmd|' /C calc'!A0"
        return documents

    lab.resign(change)
    with exported(lab, "csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file))[5]["subject"] == "'=cmd|' /C calc'!A0"


def test_a_damaged_log_is_not_exported(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.flip("tile/entries/000", 5_000)
    output = lab.base / "out"
    assert main(["audit", "export", str(lab.log), "--format", "csv", "-o", str(output)]) == 3
    assert "is damaged, so nothing is exported" in capsys.readouterr().err
    assert not output.exists()
    assert not list(lab.base.glob(".out*"))


def test_what_is_no_file_stays_what_it_is(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """As root, a file would take the place of a device."""
    pipe = lab.base / "pipe"
    os.mkfifo(pipe)
    (lab.base / "link").symlink_to(pipe)
    for name in ("pipe", "link"):
        output = str(lab.base / name)
        assert main(["audit", "export", str(lab.log), "--format", "jsonl", "-o", output]) == 3
        assert "pipe: it is there, and no file" in capsys.readouterr().err
    assert pipe.is_fifo()


def test_an_export_is_recorded_by_the_agent(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    output = exported(lab, "jsonl")
    assert "the agent records this" in capsys.readouterr().err
    hands = Hands()
    exporter = writer(lab.base, hands, boot="boot-3", origin="bank/loans")
    exporter.start(NOTHING)
    exporter.tick(hands.wall)
    exporter.tick(hands.wall)
    exporter.stop(5.0)
    made = [r for r in Lab(lab.base, lab.base).records() if ".export.made." in r["type"]]
    digest = "sha256:" + hashlib.sha256(output.read_bytes()).hexdigest()
    (data,) = [record["data"] for record in made]
    assert data == {
        "format": "jsonl",
        "first": 0,
        "size": lab.size,
        "records": lab.size,
        "digest": digest,
    }
    assert not list((lab.base / "audit.state" / "requests").iterdir())


def test_an_export_from_a_copy_says_that_it_is_not_recorded(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(lab.base / "audit.state")
    exported(lab, "jsonl")
    assert "not recorded in the log: this is a copy" in capsys.readouterr().err
    assert not (lab.base / "audit.state").exists()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"name":"log.close","id":"x","time":0,"data":{}}', b"\xff"]
)
def test_what_is_no_request_is_dropped_and_told(lab: Lab, content: bytes) -> None:
    folder = lab.base / "audit.state" / "requests"
    folder.mkdir()
    (folder / "x.json").write_bytes(content)
    exporter = writer(lab.base, Hands(), boot="boot-3", origin="bank/loans")
    with capture_logs() as logged:
        exporter.start(NOTHING)
        exporter.tick(0.0)
        exporter.stop(5.0)
    assert "audit_request_refused" in [line["event"] for line in logged]
    assert not list(folder.iterdir())
    assert ".log.close." not in Lab(lab.base, lab.base).records()[-1]["type"]


def test_only_what_could_be_recorded_can_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"log\.close"):
        requests.ask(tmp_path, "log.close", 0.0, {})
    with pytest.raises(ValueError, match="unknown field"):
        requests.ask(tmp_path, "export.made", 0.0, {"formal": "x"})
    assert not (tmp_path / "requests").exists()
