"""What is inferred about a stream, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.base import CollectorError
from collectors.infer import resolve
from collectors.schema import EventSchema, FeatureField, TimeRule

WORDS = ("car", "house", "school")


def records(n: int = 100, /, **extra: Any) -> list[dict[str, Any]]:
    """Return loan decisions; a value of `extra` may be a function of the row."""
    return [
        {
            "application_id": f"app-{i}",
            "decided_at": f"2026-03-01T12:{i % 60:02d}:00Z",
            "approve": i % 2,
            "probability": i / n,
            "features": {"income": 1_000 + i, "purpose": WORDS[i % 3], "owner": i % 2 == 0},
            **{key: value(i) if callable(value) else value for key, value in extra.items()},
        }
        for i in range(n)
    ]


def test_a_stream_of_decisions_is_understood_without_configuration() -> None:
    schema, notes = resolve(EventSchema(), records(repaid=None, version="v1", label=1))
    assert (schema.id, schema.time) == ("application_id", "decided_at")
    assert (schema.prediction, schema.score) == ("approve", "probability")
    assert (schema.label, schema.model_version) == ("label", "version")
    assert schema.task == "classification"
    assert schema.features == {
        "income": FeatureField("features.income", "numeric"),
        "purpose": FeatureField("features.purpose", "categorical"),
        "owner": FeatureField("features.owner", "categorical"),
    }
    assert schema.is_resolved()
    assert "time: decided_at (RFC 3339 in 100 of 100 records)" in notes
    assert "numeric features: income" in notes
    assert "not used: repaid (no value in the sample)" in notes


def test_what_is_configured_is_kept() -> None:
    configured = EventSchema(
        id="ref",
        time=TimeRule(0, 60),
        prediction="probability",
        task="regression",
        features={"x": FeatureField("features.income", "categorical")},
        audit={"sex": "features.purpose"},
    )
    schema, _ = resolve(configured, records(ref="a"))
    assert (schema.id, schema.time, schema.prediction) == ("ref", TimeRule(0, 60), "probability")
    assert schema.task == "regression"
    assert schema.features == configured.features
    assert schema.audit == configured.audit


def test_a_field_has_one_part_only() -> None:
    schema, _ = resolve(EventSchema(label="approve", id="probability"), records())
    assert (schema.prediction, schema.score) == (None, None)
    schema, _ = resolve(EventSchema(audit={"decision": "approve"}), records())
    assert schema.prediction is None


def test_an_audit_attribute_is_never_a_feature() -> None:
    schema, notes = resolve(
        EventSchema(audit={"home": "features.owner"}),
        records(gender="f", audit=lambda _: {"age_group": "30-40"}),
    )
    assert schema.features is not None
    assert set(schema.features) == {"income", "purpose"}
    assert any(note.startswith("not used: gender (reads as a protected") for note in notes)
    assert any(note.startswith("not used: audit.age_group") for note in notes)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda i: f"the applicant wrote {i}", "free text"),
        ("x" * 200, "free text"),
        (lambda i: f"2026-03-01T12:00:{i % 60:02d}Z", "a time"),
        (lambda i: f"2026-03-01T12:00:{i % 60:02d}", "a time"),
    ],
)
def test_free_text_and_times_are_no_features(value: Any, why: str) -> None:
    schema, notes = resolve(EventSchema(), records(extra=value))
    assert schema.features is not None
    assert "extra" not in schema.features
    assert f"not used: extra ({why})" in notes


@pytest.mark.parametrize("name", ["session_id", "userId", "api key", "trace-uuid"])
def test_an_identifier_is_no_feature(name: str) -> None:
    schema, notes = resolve(EventSchema(), records(**{name: lambda i: i}))
    assert schema.features is not None
    assert name not in schema.features
    assert f"not used: {name} (an identifier)" in notes


def test_a_number_is_a_time_only_by_its_name() -> None:
    schema, notes = resolve(
        EventSchema(), records(balance=1_772_366_400, closing_time=1_772_366_400)
    )
    assert schema.features is not None
    assert "balance" in schema.features
    assert "not used: closing_time (a time)" in notes


def test_lists_and_deep_objects_do_no_harm() -> None:
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(300):
        inner["x"] = {}
        inner = inner["x"]
    schema, _ = resolve(EventSchema(), records(tags=["a"], deep=deep, huge=10**400))
    assert schema.features is not None
    assert not any(name.startswith(("tags", "deep")) for name in schema.features)
    assert schema.features["huge"].kind == "numeric"


def test_a_field_that_is_sometimes_an_object_is_left_out() -> None:
    schema, _ = resolve(EventSchema(), records(mixed=lambda i: {"a": 1} if i % 2 else 5))
    assert schema.features is not None
    assert "mixed" not in schema.features
    assert "mixed.a" in schema.features


def test_a_prediction_that_is_a_probability_is_the_score() -> None:
    sample = [{"time": 1_772_366_400 + i, "prediction": i / 50} for i in range(50)]
    schema, notes = resolve(EventSchema(), sample)
    assert (schema.prediction, schema.score, schema.task) == (None, "prediction", "classification")
    assert any("its values are probabilities" in note for note in notes)


def test_many_different_numbers_are_a_regression() -> None:
    sample = [{"time": 1_772_366_400 + i, "prediction": 900 + i} for i in range(50)]
    assert resolve(EventSchema(), sample)[0].task == "regression"


def test_kinds_of_configured_features_are_inferred() -> None:
    configured = {"a": FeatureField("features.income"), "b": FeatureField("features.owner")}
    schema, notes = resolve(EventSchema(features=configured), records())
    assert schema.features is not None
    assert [f.kind for f in schema.features.values()] == ["numeric", "categorical"]
    assert "kinds of features: a numeric, b categorical" in notes


def test_a_kind_that_nothing_tells_is_asked_for_by_its_key() -> None:
    schema = EventSchema(features={"wealth": FeatureField("features.wealth")})
    with pytest.raises(CollectorError, match=r"systems\[\]\.features\.wealth"):
        resolve(schema, records())


def test_without_a_time_the_fields_seen_and_the_key_are_named() -> None:
    with pytest.raises(CollectorError, match=r"systems\[\]\.event\.time.*amount, place"):
        resolve(EventSchema(), [{"amount": 1, "place": "KL"}])


def test_naive_times_ask_for_a_zone_and_are_read_with_one() -> None:
    sample = [{"timestamp": f"2026-03-01T12:00:{i:02d}"} for i in range(20)]
    with pytest.raises(CollectorError, match=r"'timestamp'.*systems\[\]\.event\.timezone"):
        resolve(EventSchema(), sample)
    assert resolve(EventSchema(timezone="Asia/Singapore"), sample)[0].time == "timestamp"


def test_a_configured_path_that_no_record_has_is_a_warning() -> None:
    _, notes = resolve(EventSchema(label="repayd"), records())
    assert any(n.startswith("warning: systems[].event.label: repayd has no value") for n in notes)


def test_no_record_is_an_error_only_if_something_is_open() -> None:
    with pytest.raises(CollectorError, match="no readable record"):
        resolve(EventSchema(), [])
    complete = EventSchema(time="at", features={}, task="classification")
    assert resolve(complete, [])[0].time == "at"


def test_dots_in_names_are_paths_only_in_flat_records() -> None:
    sample = [{"time": 1_772_366_400, "a.b": i} for i in range(5)]
    assert resolve(EventSchema(), sample)[0].features == {}
    flat = resolve(EventSchema(), sample, flat=True)[0].features
    assert flat == {"a.b": FeatureField("a.b", "numeric")}


def test_the_prefix_of_features_is_dropped_unless_that_makes_two_of_one_name() -> None:
    schema, _ = resolve(EventSchema(), records(income=5))
    assert schema.features is not None
    assert {"income", "features.income", "purpose"} <= set(schema.features)


def test_one_odd_record_does_not_hide_a_field_or_make_new_ones() -> None:
    good = records()
    odd = {**good[0], "approve": {"a": 1}, "decided_at": {"b": 2}}
    configured = EventSchema(prediction="approve")
    schema, notes = resolve(configured, [*good, odd])
    assert schema == resolve(configured, good)[0]
    assert not [note for note in notes if note.startswith("warning")]


def test_the_reason_for_the_task_names_what_it_was_taken_from() -> None:
    def why(rows: list[dict[str, Any]]) -> str:
        return next(note for note in resolve(EventSchema(), rows)[1] if note.startswith("task: "))

    both = records(label=1)
    scored = [{k: v for k, v in row.items() if k not in ("approve", "label")} for row in both]
    labelled = [
        {k: v for k, v in row.items() if k not in ("approve", "probability")} for row in both
    ]
    assert why(both) == "task: classification (the predictions are classes)"
    assert why(scored) == "task: classification (the prediction is 1 from the score 0.5 on)"
    assert why(labelled) == "task: classification (the labels are classes)"


def test_fields_that_are_too_many_to_watch_are_counted() -> None:
    wide = {f"x{i:04d}": i for i in range(2_500)}
    schema, notes = resolve(EventSchema(), records(3, **wide))
    assert len(schema.features or {}) <= 2_000
    (note,) = [n for n in notes if "beyond" in n]
    # Four of the record's own and three of its features stand before them.
    assert note.startswith("warning: 507 fields beyond the first 2000 are not watched")
    assert not [n for n in resolve(EventSchema(), records(3))[1] if "beyond" in n]


def test_a_configured_field_is_found_wherever_it_stands() -> None:
    wide = {f"x{i:04d}": i for i in range(2_500)}
    configured = EventSchema(features={"last": FeatureField("x2499", None)})
    schema, notes = resolve(configured, records(3, **wide))
    assert schema.features == {"last": FeatureField("x2499", "numeric")}
    assert not [n for n in notes if "warning" in n]


def test_what_a_time_may_be_is_said_where_none_is_found() -> None:
    with pytest.raises(
        CollectorError, match=r"A time is RFC 3339 \(2026-03-01T12:00:00Z\), or sec"
    ):
        resolve(EventSchema(), [{"when": "11/20/2026 00:00"}])
