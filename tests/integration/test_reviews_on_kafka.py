"""Human decisions on a topic of their own, late, shuffled and twice, killed on the way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from policies.model import rfc3339
from tests.integration.test_labels_on_kafka import in_the_event, line, run, send, what_counts
from tests.real.kafka_broker import KafkaBroker
from tests.support.decisions import decisions

N = 3_000

SYSTEM = """\
systems:
  - id: loans
    owner: credit-risk@bank.example
    event: {id: id, time: at, prediction: approve, score: score, model_version: version,
            recorded_time: recorded_at, human: {decision: human, reviewer: by, later: true}}
    task: classification
    favourable: 1
    features: {income: numeric, purpose: categorical}
    audit_attributes:
      gender: {privileged: m, lawful_basis: test, purpose: test, dpia_ref: T-1, expires: 2099-12-31}
    windows: [5m, 1h]
    time: {lateness: 2m, idle: 3s, review_horizon: 2h}
"""
RUN = (
    SYSTEM
    + """\
collectors:
  - {type: kafka, brokers: ["{broker}"], topic: {topic}, group: {group}-e, system: loans}
  - type: kafka
    brokers: ["{broker}"]
    topic: {reviews}
    group: {group}-r
    system: loans
    reviews: {decision: verdict, reviewer: officer}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: {port}}
  - {type: audit, path: audit}
"""
)
BACKTEST = SYSTEM + "collectors:\n  - {type: file, path: {file}}\n"


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(600)
def test_decisions_of_a_topic_give_the_numbers_of_decisions_in_the_event(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(4)
    start = int(time.time()) // 3_600 * 3_600 - 6 * 3_600
    rows = decisions(N, start=start, every=2, seed=8, approved=(8, 5))
    known = {str(r["id"]): int(rng.random() < 0.7) for r in rows if rng.random() < 0.9}
    named = {key: {"by": "officer 7"} if rng.random() < 0.9 else {} for key in known}
    # Behind the horizon: nothing of the first two hours waits any more.
    last = [{"id": f"t{i}", "at": rfc3339(start + 5 * 3_600)} for i in range(2)]
    end = rfc3339(start + 2 * 3_600)
    decided = [
        {**row, "human": known[str(row["id"])], **named[str(row["id"])]}
        if str(row["id"]) in known
        else row
        for row in rows
    ]
    expected = in_the_event(tmp_path, [*decided, *last], end, BACKTEST)

    topic, reviews = new_topic(2), new_topic(3)
    later = [
        {
            "id": key,
            "verdict": value,
            "recorded_at": rfc3339(start + 6_000),
            **({"officer": "officer 7"} if named[key] else {}),
        }
        for key, value in known.items()
    ]
    twice = rng.sample([*later, *later], 2 * len(later))
    send(kafka_broker.bootstrap, reviews, 3, twice)
    send(kafka_broker.bootstrap, topic, 2, rows)
    send(kafka_broker.bootstrap, topic, 2, last)

    source = {"broker": kafka_broker.bootstrap, "topic": topic, "reviews": reviews}
    quiet, killed = (
        run(
            tmp_path / str(kills),
            source,
            end,
            expected.keys(),
            kills=kills,
            template=RUN,
            metric='pantau_reviews_total{outcome="joined"',
        )
        for kills in (0, 5)
    )
    assert {key: line(found) for key, found in killed.items()} == {
        key: line(found) for key, found in quiet.items()
    }
    for key, document in expected.items():
        assert what_counts(killed[key]) == what_counts(document)
    signals = [s for d in expected.values() for s in d["signals"]]
    assert sum(s["n"] or 0 for s in signals if s["name"] == "oversight.override_rate") > N
