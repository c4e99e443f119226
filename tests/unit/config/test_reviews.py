"""What a configuration may say of human decisions that come later, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.resolve import alone_of, brings_reviews, source_schema
from collectors.base import CollectorError
from collectors.infer import resolve
from collectors.schema import ExtraField
from tests.unit.config.test_load import messages, read

SYSTEM = """\
systems:
  - id: loans
    event: {id: id, prediction: approve{human}}
collectors:
  - {type: file, path: events.jsonl}
  - {type: file, path: reviews.jsonl, name: r, reviews: {reviews}}
"""
HUMAN = ", human: {decision: verdict, reviewer: officer, decided_at: at{later}}"


def text(human: str = HUMAN, reviews: str = "{}", later: str = "") -> str:
    whole = SYSTEM.replace("{human}", human).replace("{reviews}", reviews)
    return whole.replace("{later}", later)


def test_a_source_of_reviews_stands_where_the_event_says_unless_it_says_otherwise(
    tmp_path: Path,
) -> None:
    config = read(tmp_path, text())
    (system,) = config.systems
    events, reviews = config.collectors
    assert (alone_of(events), alone_of(reviews)) == (None, "reviews")
    assert system.time.review_horizon == 7 * 86_400
    schema = source_schema(system, reviews, "classification")
    assert (schema.id, schema.recorded_time, schema.time) == ("id", "at", None)
    assert schema.extra == {
        "human.decision": ExtraField("verdict"),
        "human.reviewer": ExtraField("officer"),
    }
    assert schema.is_resolved()
    other = "{id: case, decision: d, reviewer: who, recorded_time: t}"
    config = read(tmp_path, text(reviews=other))
    schema = source_schema(config.systems[0], config.collectors[1])
    assert (schema.id, schema.recorded_time) == ("case", "t")
    assert [one.path for one in schema.extra.values()] == ["d", "who"]


@pytest.mark.parametrize(
    ("later", "collector", "joined"),
    [("", "", False), (", later: true", "", True), ("", "{}", True), (", later: false", "", False)],
)
def test_decisions_are_joined_only_where_it_is_asked_for(
    tmp_path: Path, later: str, collector: str, joined: bool
) -> None:
    whole = text(later=later, reviews=collector or "{}")
    if not collector:
        whole = "".join(line for line in whole.splitlines(keepends=True) if "name: r" not in line)
    config = read(tmp_path, whole)
    assert brings_reviews(config, config.systems[0]) is joined
    # The switch is no field of a record.
    assert "human.later" not in source_schema(config.systems[0], config.collectors[0]).extra


def test_a_source_of_reviews_needs_a_decision_of_its_system(tmp_path: Path) -> None:
    (problem,) = messages(tmp_path, text(human=""))
    assert problem.startswith("pantau.yaml:6: collectors.1.reviews: needs `event.human.decision`")


def test_later_without_a_decision_is_refused(tmp_path: Path) -> None:
    (problem,) = messages(tmp_path, text(human=", human: {later: true}", reviews="{}"))
    assert "needs `decision`: without it there is no review to look at" in problem


def test_a_source_holds_labels_or_reviews(tmp_path: Path) -> None:
    (problem,) = messages(tmp_path, text(reviews="{}, labels: {}"))
    assert "has both `labels` and `reviews`" in problem


def test_the_id_of_a_source_of_reviews_is_found_by_its_name_or_asked_for(tmp_path: Path) -> None:
    config = read(tmp_path, text().replace("id: id, prediction", "prediction"))
    schema = source_schema(config.systems[0], config.collectors[1])
    found, _ = resolve(schema, [{"event_id": f"e{i}", "verdict": i % 2} for i in range(40)])
    assert (found.id, found.task) == ("event_id", "classification")
    with pytest.raises(CollectorError, match=r"set collectors\[\]\.reviews\.id to one of"):
        resolve(schema, [{"case": f"e{i}", "verdict": i % 2} for i in range(40)])
