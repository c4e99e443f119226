"""Human decisions on a topic of their own, late, shuffled and twice, killed on the way."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.kafka_broker import KafkaBroker
from tests.support.later_topic import (
    N,
    Way,
    filled,
    in_the_event,
    on_lines,
    past,
    quiet_and_killed,
    what_counts,
)

WAY = Way(
    system="""\
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
""",
    joined="reviews: {decision: verdict, reviewer: officer}",
    counter="pantau_reviews_total",
)


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(600)
def test_decisions_of_a_topic_give_the_numbers_of_decisions_in_the_event(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(4)
    before = past()
    known = {str(r["id"]): int(rng.random() < 0.7) for r in before.rows if rng.random() < 0.9}
    named = {key: {"by": "officer 7"} if rng.random() < 0.9 else {} for key in known}
    decided = [
        {**row, "human": known[str(row["id"])], **named[str(row["id"])]}
        if str(row["id"]) in known
        else row
        for row in before.rows
    ]
    expected = in_the_event(tmp_path, WAY, before, decided)
    signals = [s for d in expected.values() for s in d["signals"]]
    assert sum(s["n"] or 0 for s in signals if s["name"] == "oversight.override_rate") > N

    later = [
        {
            "id": key,
            "verdict": value,
            "recorded_at": before.recorded,
            **({"officer": "officer 7"} if named[key] else {}),
        }
        for key, value in known.items()
    ]
    twice = rng.sample([*later, *later], 2 * len(later))
    topics = filled(kafka_broker.bootstrap, new_topic, before, twice)
    quiet, killed = quiet_and_killed(tmp_path, WAY, topics, before.end, expected.keys())
    assert on_lines(killed) == on_lines(quiet)
    for key, document in expected.items():
        assert what_counts(killed[key]) == what_counts(document)
