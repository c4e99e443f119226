"""Where reading starts, and what counts as lost."""

from __future__ import annotations

import pytest

from collectors.kafka_positions import (
    REPLACED,
    RETENTION,
    Committed,
    Start,
    commit_metadata,
    parse_committed,
    within,
    without_position,
)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (10, Start(10)),
        (15, Start(15)),
        (20, Start(20)),
        (7, Start(10, RETENTION, 3)),
        (21, Start(10, REPLACED, None)),
    ],
)
def test_a_position_outside_what_the_broker_holds_is_a_loss(position: int, expected: Start) -> None:
    assert within(position, begin=10, end=20) == expected


@pytest.mark.parametrize(
    ("policy", "known_topic", "offset"),
    [("earliest", False, 10), ("earliest", True, 10), ("latest", False, 20), ("latest", True, 10)],
)
def test_a_partition_added_later_is_read_from_its_beginning(
    policy: str, known_topic: bool, offset: int
) -> None:
    start = without_position(policy, known_topic=known_topic, begin=10, end=20)  # type: ignore[arg-type]
    assert start == Start(offset)


def test_commit_metadata_reads_back() -> None:
    assert parse_committed(5, commit_metadata("s-1", 1_700)) == Committed(5, "s-1", 1_700)
    assert parse_committed(5, commit_metadata("s-1", None)) == Committed(5, "s-1", None)


@pytest.mark.parametrize(
    "metadata",
    [None, "", "other tool", "[]", "{}", '{"store":7}', '{"store":""}', '{"store":null}', '"x"'],
)
def test_metadata_of_others_names_no_store(metadata: str | None) -> None:
    assert parse_committed(5, metadata) == Committed(5, None, None)


@pytest.mark.parametrize("replay", ["-1", "true", '"x"', "1.5"])
def test_a_replay_time_that_is_none_is_ignored(replay: str) -> None:
    found = parse_committed(5, f'{{"store":"s","replay_from":{replay}}}')
    assert found == Committed(5, "s", None)
