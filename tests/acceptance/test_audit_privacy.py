"""What stands in an event never reaches the audit log: canaries, through the whole agent.

Names of groups do (contract C5), but only those that the configuration or the reference has, and
without either those of enough people.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agent.cli.main import main
from agent.config.load import load
from agent.run import Parts, assemble, finished, start, stop
from exporters.audit import seal
from exporters.audit.read.unseal import read_keys
from exporters.audit.types import SealData
from exporters.prometheus import PrometheusExporter
from policies.model import Signal
from tests.support.audit_tree import names, require_whole
from tests.support.decisions import as_lines, decisions, write_lines

START = 1_767_225_600  # 2026-01-01T00:00:00Z

CONFIG = """\
systems:
  - id: loans
    event:
      id: id
      time: at
      prediction: approve
      score: score
      model_version: version
      label: repaid
      human: {decision: human.decision, reviewer: human.by, decided_at: human.at}
    task: classification
    favourable: 1
    features: {income: numeric, purpose: categorical}
    audit_attributes:
      gender: {privileged: m, lawful_basis: t, purpose: t, dpia_ref: T-1, expires: 2099-12-31}
    reference: {data: past.jsonl}
    windows: [5m, 1h]
    time: {lateness: 5s}
collectors:
  - {type: file, path: live.jsonl}
policies: {packs: [asean-guide]}
exporters:
  - {type: audit, path: audit, checkpoint_every: 1s}
"""

CANARIES = {
    "id": "canary-id-7731",
    "purpose": "canary-category-7732",
    "income": 77_347_734.25,
    "score": 0.7735773577357735,
    "repaid": "canary-label-7736",
    "human": {"decision": "canary-decision-7737", "by": "Siti Canary 7738", "at": "canary-at-7739"},
    "gender": "canary-group-7746*siti@x.example",
    "note": "canary-unmapped-7740",
    "version": "v1",
}
WORDS = [
    *("canary", "7731", "7732", "77347734", "77357735", "7736", "7737", "Siti", "7738"),
    *("7739", "7740", "7746", "siti@"),
]
GARBAGE = [
    b'{"id": "canary-7741", "at": "canary-time-7742"}',
    b'{"canary-key-7743": 1',
    b"\xff canary-bytes-7744",
    b'["canary-list-7745"]',
]


def test_no_canary_of_the_stream_is_anywhere_in_the_log(tmp_path: Path) -> None:
    rng = random.Random(1)
    write_lines(tmp_path / "past.jsonl", as_lines(decisions(2_000, start=START - 9_000, every=1)))
    rows = decisions(1_500, start=START, every=1)
    for row in rng.sample(rows, 150):
        row |= {k: v for k, v in CANARIES.items() if rng.random() < 0.7}
        if "canary" in row["id"]:
            row["id"] += f"-{rng.random()}"
    lines = as_lines(rows)
    for line in GARBAGE * 5:
        lines.insert(rng.randrange(len(lines)), line)
    write_lines(tmp_path / "live.jsonl", lines)
    (tmp_path / "pantau.yaml").write_text(CONFIG)
    run(tmp_path)
    records = require_whole(tmp_path / "audit")
    assert {"window.signals", "policy.verdict", "quarantine.summary"} <= set(names(records))
    searched = 0
    for folder in ("audit", "audit.state"):
        for path in (tmp_path / folder).rglob("*"):
            if path.is_file():
                searched += 1
                content = path.read_bytes()
                found = [word for word in (*WORDS, "774") if word_in(word, content)]
                assert found == [], f"{path.relative_to(tmp_path)} holds {found}"
    assert searched > 8
    inside = json.dumps([s.subject for s in unsealed(tmp_path, records)])
    assert "gender" in inside
    assert [word for word in (*WORDS, "774") if word_in(word, inside.encode())] == []
    assert "canary" in json.dumps(CANARIES)


PLAIN = """\
systems:
  - id: loans
    event: {id: id, time: at, prediction: approve}
    task: classification
    favourable: 1
    min_group_n: 20
    audit_attributes:
      gender: {lawful_basis: t, purpose: t, dpia_ref: T-1, expires: 2099-12-31}
      purpose: {lawful_basis: t, purpose: t, dpia_ref: T-1, expires: 2099-12-31}
    intersections: [[gender, purpose]]
    windows: [5m, 1h]
    time: {lateness: 5s}
policies: {packs: [asean-guide]}
collectors:
  - {type: file, path: live.jsonl}
exporters:
  - {type: audit, path: audit, checkpoint_every: 1s}
  - {type: prometheus, host: 127.0.0.1, port: 0, group_values: true}
"""


def test_an_address_in_the_field_of_a_group_is_told_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Without a reference and without configured groups: reports, metrics, alerts, log, records."""
    rows = decisions(9_000, start=START, every=0.5, approved=(9, 1))
    rows[700]["gender"] = "siti.canary@x.example"
    rows[900]["gender"] = "a*siti.canary@x.example"
    write_lines(tmp_path / "live.jsonl", as_lines(rows))
    (tmp_path / "pantau.yaml").write_text(PLAIN)
    pages: list[str] = []
    run(tmp_path, look=lambda parts: pages.append(page_of(parts)))
    config = str(tmp_path / "pantau.yaml")
    arguments = ["backtest", "-c", config, "--input", str(tmp_path / "live.jsonl")]
    main([*arguments, "--output", "json", "--revisions"])
    main([*arguments, "--output", "table"])
    printed = capfd.readouterr()
    records = require_whole(tmp_path / "audit")
    told = json.dumps(records)
    assert '"alert.raised' in told.replace("io.pantau.audit.", "")
    assert 'group="f"' in pages[-1]
    assert '"group":"f"' in printed.out
    sealed = unsealed(tmp_path, records)
    inside = json.dumps([s.subject for s in sealed])
    for text in (told, printed.out, printed.err, caplog.text, inside, *pages):
        assert "canary" not in text.replace(str(tmp_path), "")
    # And what is sealed stands nowhere in the clear; a simple fraction may be something else's.
    values = {json.dumps(x) for s in sealed for x in (s.low, s.high) if x is not None}
    values = {text for text in values if len(text) > 14}
    assert len(values) > 20
    for text in (told, printed.out, printed.err, caplog.text, *pages):
        assert [value for value in values if value in text] == []
    assert {s.n for s in sealed} == {None}


def unsealed(folder: Path, records: Sequence[dict[str, Any]]) -> list[Signal]:
    """Return what the records of a log seal, opened with the keys in its private folder."""
    keys, found = read_keys(folder / "audit.state"), []
    for record in records:
        if "sealed" in record["data"]:
            data = msgspec.convert(record["data"]["sealed"], SealData)
            assert record["data"]["part"] == {"i": 1, "of": 1}
            log = seal.log_of(record["source"])
            found += seal.unpack(seal.unseal(keys[data.key], log, record["id"], data))
    return found


def page_of(parts: Parts) -> str:
    """Return the page of metrics."""
    (exporter,) = (
        d.exporter for d in parts.deliveries if isinstance(d.exporter, PrometheusExporter)
    )
    return httpx.get(f"http://127.0.0.1:{exporter.port}/metrics").text


def word_in(word: str, content: bytes) -> bool:
    """Tell whether a word stands in bytes; short numbers are looked for beside a canary only."""
    return word.encode() in content if len(word) > 4 else b"canary-" + word.encode() in content


def run(folder: Path, look: Callable[[Parts], object] = bool) -> None:
    """Run the agent until its input has ended; `look` is called with it then."""
    parts = assemble(load(folder / "pantau.yaml"))
    try:
        start(parts)
        end = time.monotonic() + 60
        while not finished(parts) and time.monotonic() < end:
            parts.stopping.wait(0.05)
        look(parts)
        stop(parts, "end of input")
    finally:
        parts.store.close()
