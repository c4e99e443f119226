"""Labels on a topic of their own, late, shuffled and twice, killed on the way: same reports."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.kafka_broker import KafkaBroker
from tests.support.decisions import LABELLED
from tests.support.later_topic import (
    Way,
    filled,
    in_the_event,
    on_lines,
    past,
    quiet_and_killed,
    what_counts,
)

WAY = Way(
    system=LABELLED
    + """\
    windows: [5m, 1h]
    time: {lateness: 2m, idle: 3s, label_horizon: 2h}
""",
    joined="labels: {label: outcome}",
    counter="pantau_labels_total",
)


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(600)
def test_labels_of_a_topic_give_the_numbers_of_labels_in_the_event(
    kafka_broker: KafkaBroker, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(4)
    before = past()
    known = {str(r["id"]): int(rng.random() < 0.7) for r in before.rows}
    labelled = [{**row, "repaid": known[str(row["id"])]} for row in before.rows]
    expected = in_the_event(tmp_path, WAY, before, labelled)
    # By version and pooled while decisions come, and empty windows pooled.
    assert len(expected) == 2 * (20 + 2) + 4

    later = [
        {"id": key, "outcome": value, "recorded_at": before.recorded}
        for key, value in known.items()
    ]
    twice = rng.sample([*later, *later], 2 * len(later))
    topics = filled(kafka_broker.bootstrap, new_topic, before, twice)
    quiet, killed = quiet_and_killed(tmp_path, WAY, topics, before.end, expected.keys())
    assert on_lines(killed) == on_lines(quiet)
    for key, document in expected.items():
        assert what_counts(killed[key]) == what_counts(document)
