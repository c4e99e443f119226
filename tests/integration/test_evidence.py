"""A breach gets a report by the real Evidently, and everything names it by the same digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.cli.main import main
from agent.config.load import load
from agent.config.resolve import event_schema
from agent.evidence.reservoir import columns_of
from agent.evidence.sample import Sample, add, digest, encode
from agent.run import assemble, finished, start, stop
from agent.store import Store
from collectors.batch import EventBatch
from collectors.file import read_batches
from tests.real.evidently import require_evidently
from tests.real.processes import eventually
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records
from tests.support.decisions import SYSTEM, as_lines, decisions, write_lines

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(420)]

START = 1_767_225_600  # 2026-01-01T00:00:00Z

CONFIG = (
    SYSTEM
    + """\
    reference: {path: ref.json}
    windows: [5m]
collectors:
  - {type: file, path: live.jsonl{more}}
exporters:
  - {type: audit, path: audit}
  - {type: prometheus, host: 127.0.0.1, port: {port}}
evidence: {enabled: true, sample: 500, python: {python}, timeout: 5m{limits}}
"""
)


@pytest.fixture
def lay_out(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a reference, two windows (the second one bad) and the file."""

    def lay_out(more: str = "", limits: str = "") -> Path:
        python, port = require_evidently(), free_port()
        values = {"python": python, "port": port, "more": more, "limits": limits}
        config = write_config(tmp_path, CONFIG, **values)
        past = as_lines(decisions(2_000, start=START - 86_400, every=1, seed=1))
        write_lines(tmp_path / "past.jsonl", past)
        good = decisions(1_000, start=START, every=0.3, seed=2)
        bad = decisions(1_000, start=START + 300, every=0.3, seed=3, approved=(9, 5))
        bad = [row | {"income": row["income"] * 1_000} for row in bad]
        write_lines(tmp_path / "live.jsonl", as_lines(good + bad))
        built = ["reference", "build", "-c", str(config), "--input", str(tmp_path / "past.jsonl")]
        assert main([*built, "-o", str(tmp_path / "ref.json"), "--sample", "500"]) == 0
        return config

    return lay_out


def breaches(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        verdict
        for record in found
        if record["type"].endswith("policy.verdict.v1")
        for verdict in record["data"]["verdicts"]
        if verdict["state"] == "breach"
    ]


def test_verdict_alert_record_and_file_name_the_same_evidence(
    lay_out: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = lay_out()
    parts = assemble(load(config))
    try:
        start(parts)
        eventually(lambda: finished(parts) or None, "end of the input")
        assert parts.keeper is not None
        assert parts.keeper.idle(300)
        stop(parts, "end of input")
    finally:
        parts.store.close()

    found = records(tmp_path / "audit")
    (made,) = (r["data"] for r in found if r["type"].endswith("evidence.made.v1"))
    assert (made["result"], made["against"]) == ("made", "reference")
    assert {"DR-1", "FA-1"} <= set(made["rules"])
    assert {verdict["evidence"] for verdict in breaches(found)} == {made["evidence"]}
    raised = [r["data"] for r in found if r["type"].endswith("alert.raised.v1")]
    named = {a["annotations"].get("evidence") for a in raised if a["labels"]["rule"] == "DR-1"}
    assert named == {made["evidence"]}

    capsys.readouterr()
    main(["audit", "verify", str(tmp_path / "audit"), "--replay", "--json"])
    codes = {f["code"] for f in json.loads(capsys.readouterr().out)["findings"]}
    assert not codes & {"verdict_differs", "verdict_missing"}, "evidence is no part of a judgement"
    assert (
        main(["report", "evidence", "-c", str(config), made["evidence"], "--output", "json"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    html, answer = Path(told["html"]), Path(told["json"])
    assert f"sha256:{hashlib.sha256(html.read_bytes()).hexdigest()}" == made["html"]
    assert f"sha256:{hashlib.sha256(answer.read_bytes()).hexdigest()}" == made["json"]
    metrics = json.loads(answer.read_text())["metrics"]
    drift = {m["config"]["column"]: m["value"] for m in metrics if "column" in m["config"]}
    assert drift["features.income"] > 10
    assert drift["features.purpose"] < 0.1
    assert "features.income" in html.read_text()
    assert "<script" in html.read_text()

    # Ids and attributes are nowhere in it, and nothing but digests is in the log.
    for file in html.parent.iterdir():
        assert b"3-417" not in file.read_bytes()
        assert b"gender" not in file.read_bytes()
    assert main(["report", "erase", "-c", str(config), made["evidence"][:20]]) == 0
    assert not html.exists()
    assert main(["report", "evidence", "-c", str(config), made["evidence"]]) == 3


def test_kill_9_leaves_the_same_evidence(lay_out: Callable[..., Path], tmp_path: Path) -> None:
    config = lay_out(more=", speed: 60, batch_size: 20")
    port = int(re.search(r"port: (\d+)", config.read_text())[1])  # type: ignore[index]
    with AgentProcess(config, tmp_path / "agent.log", port) as agent:
        agent.until(lambda: events(agent) > 1_200)  # In the middle of the second window.
    fast = config.read_text().replace(", speed: 60, batch_size: 20", "")
    config.write_text(fast)
    with AgentProcess(config, tmp_path / "agent2.log") as agent:
        assert agent.wait(300) == 0, agent.tail()
    killed = {verdict["evidence"] for verdict in breaches(records(tmp_path / "audit"))}
    (folder,) = (p for p in (tmp_path / "pantau-state" / "evidence").iterdir() if holds_rules(p))
    assert killed == {f"sha256:{folder.name}"}

    # What the sample of an undisturbed run would be, with this store's key.
    store = Store(tmp_path / "pantau-state")
    schema = event_schema(load(config).systems[0])
    sample = Sample(500, tuple(columns_of(schema, attributes=False)))
    for item in read_batches(tmp_path / "live.jsonl", schema, store.id_key):
        if isinstance(item, EventBatch):
            add(sample, item, np.flatnonzero(item.event_time >= (START + 300) * 1_000_000))
    store.close()
    assert killed == {digest(encode(sample))}


def events(agent: AgentProcess) -> float:
    lines = agent.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("pantau_events_total"))


def holds_rules(place: Path) -> bool:
    file = place / "window.json"
    return file.exists() and bool(json.loads(file.read_text())["rules"])
