from __future__ import annotations

import pytest

from agent.config.resolve import event_schema, favourable_texts
from agent.config.system import System
from collectors.schema import EventSchema, FeatureField, TimeRule

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
