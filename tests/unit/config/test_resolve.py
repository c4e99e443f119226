from __future__ import annotations

import math
import re

import pytest
from pydantic import ValidationError

from agent.config.resolve import event_schema, favourable_texts
from agent.config.system import System
from agent.extras import Meanings
from agent.field_settings import grid_of_system, meanings_of, uncertain_range
from collectors.schema import EventSchema, ExtraField, FeatureField, TimeRule
from policies.grid import grid_of

GROUND = {"lawful_basis": "consent", "purpose": "p", "dpia_ref": "D", "expires": "2027-12-31"}


def test_what_is_not_configured_stays_open() -> None:
    assert event_schema(System.model_validate({"id": "loan"})) == EventSchema()


def test_what_is_configured_reaches_the_collectors_schema() -> None:
    system = System.model_validate(
        {
            "id": "loan",
            "task": "classification",
            "threshold": 0.4,
            "event": {
                "id": "app.id",
                "time": {"start": "2026-01-01T00:00:00Z", "every": "1m"},
                "prediction": "approve",
                "timezone": "Asia/Singapore",
            },
            "features": {"income": "numeric", "purpose": {"path": "f.purpose"}, "age": {}},
            "audit_attributes": {"gender": GROUND, "race": {"path": "p.race", **GROUND}},
        }
    )
    assert event_schema(system) == EventSchema(
        id="app.id",
        time=TimeRule(start=1_767_225_600, every=60),
        prediction="approve",
        task="classification",
        threshold=0.4,
        timezone="Asia/Singapore",
        features={
            "income": FeatureField("income", "numeric"),
            "purpose": FeatureField("f.purpose", None),
            "age": FeatureField("age", None),
        },
        audit={"gender": "gender", "race": "p.race"},
    )


def test_optional_fields_reach_the_schema_in_our_units() -> None:
    event = {
        "latency": {"path": "t.ms", "unit": "ms"},
        "status": "http",
        "human": {"decision": "h.d", "reviewer": "h.r", "seconds": "h.s"},
        "feedback": {"path": "f", "complaint": ["angry"]},
        "scores": {"toxicity": "s.t"},
        "energy": {"path": "e", "unit": "J"},
        "cost": "usd",
    }
    system = System.model_validate({"id": "loan", "event": event, "latency_slo": 1})
    assert event_schema(system).extra == {
        "cost": ExtraField("usd"),
        "energy": ExtraField("e", 1 / 3_600_000),
        "feedback": ExtraField("f"),
        "human.decision": ExtraField("h.d"),
        "human.reviewer": ExtraField("h.r"),
        "human.seconds": ExtraField("h.s"),
        "latency": ExtraField("t.ms", 0.001),
        "scores.toxicity": ExtraField("s.t"),
        "status": ExtraField("http"),
    }
    assert meanings_of(system).complaints == {"angry"}
    assert meanings_of(system).errors == Meanings().errors


def test_what_values_mean_follows_the_configuration() -> None:
    event = {"status": {"path": "http", "errors": ["Declined", 42], "errors_from": 400}}
    system = System.model_validate({"id": "loan", "event": event, "toxicity_threshold": 0.8})
    found = meanings_of(system)
    assert found.errors == {"declined", "42"}
    assert found.errors_from == 400
    assert found.toxic_from == 0.8


def test_the_grid_is_the_configured_one_else_that_of_the_country() -> None:
    own = {"value": 0.123, "origin": "our contract"}
    system = System.model_validate({"id": "loan", "country": "MY", "grid_intensity": own})
    assert grid_of_system(system) == (0.123, "our contract")
    of_country = grid_of_system(System.model_validate({"id": "loan", "country": "MY"}))
    assert of_country == grid_of("MY")
    assert of_country is not None
    assert grid_of_system(System.model_validate({"id": "loan"})) is None


@pytest.mark.parametrize(
    ("low_confidence", "expected"),
    [({}, (0.4, 0.6)), ({"near": 0.2}, (0.3, 0.7)), ({"below": 0.55}, (-math.inf, 0.55))],
)
def test_the_uncertain_range_is_around_the_threshold_or_below_a_floor(
    low_confidence: dict[str, float], expected: tuple[float, float]
) -> None:
    system = System.model_validate({"id": "loan", "low_confidence": low_confidence})
    assert uncertain_range(system) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"event": {"human": {"reviewer": "r"}}}, "needs `decision`"),
        (
            {"event": {"human": {"decision": "d", "decided_at": "a", "seconds": "s"}}},
            "has both `decided_at` and `seconds`",
        ),
        ({"low_confidence": {"near": 0.1, "below": 0.6}}, "has both `near` and `below`"),
        ({"event": {"latency": {"path": "t", "unit": "hours"}}}, "'s', 'ms', 'us' or 'ns'"),
        ({"latency_slo": 0}, "greater than 0"),
        ({"grid_intensity": {"value": 0.5}}, "origin"),
        ({"event": {"latency": {"unit": "ms"}}}, "path"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        System.model_validate({"id": "loan", **settings})


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", True, "true"])
def test_one_and_true_are_the_same_value(value: object) -> None:
    texts = favourable_texts(value)  # type: ignore[arg-type]
    assert texts == {"1", "1.0", "true", "True", "TRUE"}


@pytest.mark.parametrize("value", [0, 0.0, "0", False, "false"])
def test_zero_and_false_are_the_same_value(value: object) -> None:
    texts = favourable_texts(value)  # type: ignore[arg-type]
    assert texts == {"0", "0.0", "false", "False", "FALSE"}


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("approve", {"approve"}),
        ("Approve ", {"Approve "}),
        ("2", {"2"}),
        (2, {"2", "2.0"}),
        (0.5, {"0.5"}),
        (None, set()),
    ],
)
def test_other_texts_compare_exactly(value: str | float | None, texts: set[str]) -> None:
    assert favourable_texts(value) == texts
