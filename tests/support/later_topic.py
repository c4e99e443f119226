"""What comes later on a topic of its own, and is killed on the way, against a quiet backtest.

Labels and human decisions alike: `Past` is what they are joined to.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaProducer

from agent.backtest import replay
from agent.config.load import load
from policies.model import Report, report_document, rfc3339
from tests.support.agent_process import AgentProcess, free_port, write_config
from tests.support.audit_records import records
from tests.support.decisions import Row, as_lines, decisions, write_lines

N = 3_000
HOUR = 3_600
SILENCE = "anomaly.silence"

BACKTEST = "collectors:\n  - {type: file, path: {file}}\n"
RUN = """\
collectors:
  - {type: kafka, brokers: ["{broker}"], topic: {topic}, group: {group}-e, system: loans}
  - type: kafka
    brokers: ["{broker}"]
    topic: {later}
    group: {group}-l
    system: loans
    {joined}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: {port}}
  - {type: audit, path: audit}
"""

Reports = dict[Any, dict[str, Any]]
"""Final reports by version, length and start."""


@dataclass(frozen=True)
class Past:
    """Decisions that began at `start`, and what came after them: `last`.

    `end`: of the windows that nothing can be joined to any more, because `last` is behind their
    horizon of two hours.  `recorded`: when what is joined was recorded.
    """

    start: int
    rows: list[Row]
    last: list[Row]

    @property
    def end(self) -> str:
        return rfc3339(self.start + 2 * HOUR)

    @property
    def recorded(self) -> str:
        return rfc3339(self.start + 6_000)


def past() -> Past:
    """Return the decisions of the hours before the last few."""
    start = int(time.time()) // HOUR * HOUR - 6 * HOUR
    rows = decisions(N, start=start, every=2, seed=8, approved=(8, 5))
    return Past(start, rows, [{"id": f"t{i}", "at": rfc3339(start + 5 * HOUR)} for i in range(2)])


class Way(NamedTuple):
    """How what comes later is read and joined.

    `system`: the head of the configuration.  `joined`: what the collector of the later topic says
    that it brings.  `counter`: what becomes of it.
    """

    system: str
    joined: str
    counter: str


def in_the_event(folder: Path, way: Way, before: Past, rows: Sequence[Row]) -> Reports:
    """Return the final reports of a backtest with what is joined in the events."""
    file = write_lines(folder / "live.jsonl", as_lines([*rows, *before.last]))
    loaded = load(write_config(folder / "backtest", way.system + BACKTEST, file=file), env={})
    reports: list[Report] = []
    replay(loaded, loaded.systems[0], file, reports.append)
    lines = [json.dumps(report_document(r)) for r in reports]
    documents: list[dict[str, Any]] = [json.loads(one) for one in lines]
    assert all(d["final"] for d in documents)
    return {identity(d): d for d in documents if d["window"]["end"] <= before.end}


class Topics(NamedTuple):
    """A broker, and its topics of events and of what comes later."""

    broker: str
    topic: str
    later: str


def filled(
    broker: str, new_topic: Callable[..., str], before: Past, later: Sequence[Row]
) -> Topics:
    """Return topics with the past in one, and in the other what comes later."""
    topics = Topics(broker, new_topic(2), new_topic(3))
    send(broker, topics.later, 3, later)
    send(broker, topics.topic, 2, before.rows)
    send(broker, topics.topic, 2, before.last)
    return topics


def quiet_and_killed(
    folder: Path, way: Way, topics: Topics, end: str, wanted: Set[Any]
) -> tuple[Reports, Reports]:
    """Return what `run` does undisturbed, and after five kills."""
    quiet = run(folder / "quiet", way, topics, end, wanted, kills=0)
    return quiet, run(folder / "killed", way, topics, end, wanted, kills=5)


def run(
    folder: Path, way: Way, topics: Topics, end: str, wanted: Set[Any], *, kills: int
) -> Reports:
    """Run the agent until everything wanted is final; return the final reports it recorded."""
    rng = random.Random(5)
    port = free_port()
    source = {**topics._asdict(), "joined": way.joined, "group": f"{topics.topic}-{kills}"}
    config = write_config(folder, way.system + RUN, port=port, **source)
    log = folder / "agent.log"
    for _ in range(kills):
        agent = AgentProcess(config, log, port)
        time.sleep(rng.uniform(1.0, 3.0))
        assert agent.running(), agent.tail()
        agent.kill()
    with AgentProcess(config, log, port) as agent:
        agent.until(lambda: final(config.parent / "audit", end).keys() >= wanted, 120)
        # All may have been joined and final before the last kill: then this agent has only just
        # started, and counts nothing.
        told = way.counter if kills else f'{way.counter}{{outcome="joined"'
        agent.until(lambda: told in agent.get("/metrics")[1], 60)
        assert agent.terminate() == 0
    return final(config.parent / "audit", end)


def final(audit: Path, until: str) -> Reports:
    """Return the final reports in an audit log, to the end of a window."""
    if not audit.exists():
        return {}
    whole: Reports = {}
    for record in records(audit):
        if ".window." not in record["type"] and ".policy.verdict." not in record["type"]:
            continue
        data = {**record["data"], "model_version": record["model"]["version"]}
        if not data["final"] or data["window"]["end"] > until:
            continue
        held = whole.setdefault(identity(data), {})
        # A report that is long stands in several records.
        parts = {k: [*held.get(k, ()), *data.get(k, ())] for k in ("signals", "verdicts")}
        held.update({**data, **parts})
        held["parts"] = held.get("parts", 0) + 1
    return whole


def identity(document: dict[str, Any]) -> tuple[str, str, str]:
    """Return what tells one final report from all others."""
    window = document["window"]
    return document["model_version"], window["length"], window["start"]


def on_lines(reports: Reports) -> dict[Any, str]:
    """Return each report on one line, all but silence, which is told by the wall clock."""
    return {
        key: json.dumps(document | without_silence(document), sort_keys=True)
        for key, document in reports.items()
    }


def without_silence(document: dict[str, Any]) -> dict[str, Any]:
    """Return signals and verdicts but those of silence."""
    return {
        "signals": [s for s in document["signals"] if s["name"] != SILENCE],
        "verdicts": [v for v in document["verdicts"] if v["because"][0]["name"] != SILENCE],
    }


def what_counts(document: dict[str, Any]) -> dict[str, Any]:
    """Return what `run` and `backtest` agree on: all but silence, partitions and restatements."""
    coverage = {k: v for k, v in document["coverage"].items() if k != "partitions"}
    kept = {k: document[k] for k in ("model_version", "window", "final")}
    return kept | {"coverage": coverage} | without_silence(document)


def send(broker: str, topic: str, partitions: int, rows: Sequence[Row]) -> None:
    """Write the rows into a topic, over its partitions by turns."""
    producer = KafkaProducer(bootstrap_servers=broker, enable_idempotence=False)
    for i, row in enumerate(rows):
        producer.send(topic, json.dumps(row).encode(), partition=i % partitions)
    producer.flush()
    producer.close()
