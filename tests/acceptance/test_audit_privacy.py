"""What stands in an event never reaches the audit log: canaries, through the whole agent.

Names of groups are the exception: contract C5 makes them subjects of signals.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

from agent.config.load import load
from agent.run import assemble, finished, start, stop
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
    windows: [5m]
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
    "note": "canary-unmapped-7740",
    "version": "v1",
}
WORDS = [
    *("canary", "7731", "7732", "77347734", "77357735", "7736", "7737", "Siti", "7738"),
    *("7739", "7740"),
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
    assert "canary" in json.dumps(CANARIES)


def word_in(word: str, content: bytes) -> bool:
    """Tell whether a word stands in bytes; short numbers are looked for beside a canary only."""
    return word.encode() in content if len(word) > 4 else b"canary-" + word.encode() in content


def run(folder: Path) -> None:
    """Run the agent until its input has ended."""
    parts = assemble(load(folder / "pantau.yaml"))
    try:
        start(parts)
        end = time.monotonic() + 60
        while not finished(parts) and time.monotonic() < end:
            parts.stopping.wait(0.05)
        stop(parts, "end of input")
    finally:
        parts.store.close()
