"""What the JSON decoder makes of good and bad records."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from crc32c import crc32c

from collectors.base import CollectorError
from collectors.batch import NO_ID, Categorical, EventBatch
from collectors.decoders import json as json_decoder
from collectors.decoders.base import MAX_RECORD_BYTES
from collectors.decoders.json import JsonDecoder
from collectors.decoders.times import NO_TIME
from collectors.schema import EventSchema, FeatureField, TimeRule
from tests.batches import cells
from tests.real.components import require_compiled_reader

AT = "2026-03-01T12:00:00Z"
NOON = 1_772_366_400_000_000
SCHEMA = EventSchema(
    id="id",
    time="at",
    prediction="decision",
    label="label",
    recorded_time="recorded",
    features={
        "income": FeatureField("features.income", "numeric"),
        "purpose": FeatureField("features.purpose", "categorical"),
    },
    audit={"gender": "gender"},
    task="classification",
)


@pytest.fixture(params=["compiled", "python"], autouse=True, scope="module")
def reader(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run everything with the compiled reader and without it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "python":
            patch.setattr(json_decoder, "AVAILABLE", False)
        else:
            require_compiled_reader()
        yield


def decode(*records: bytes | dict[str, Any], schema: EventSchema = SCHEMA) -> EventBatch:
    raw = [r if isinstance(r, bytes) else json.dumps({"at": AT, **r}).encode() for r in records]
    decoder = JsonDecoder(schema, b"key")
    return decoder.decode("kafka:loans", "3", raw, range(70, 70 + len(raw)), 70 + len(raw))


def test_a_record_becomes_a_row() -> None:
    record = {
        "id": "app-1",
        "decision": 1,
        "label": True,
        "recorded": "2026-04-01T12:00:00Z",
        "features": {"income": 5_000, "purpose": "car"},
        "gender": "female",
    }
    batch = decode(record)
    assert (batch.source, batch.partition, batch.next_offset, batch.n) == (
        "kafka:loans",
        "3",
        71,
        1,
    )
    assert batch.event_time.tolist() == [NOON]
    assert batch.recorded_time is not None
    assert batch.recorded_time.tolist() == [NOON + 31 * 86_400_000_000]
    assert batch.offset.tolist() == [70]
    assert batch.event_id[0] != NO_ID
    assert batch.body.tolist() == [crc32c(json.dumps({"at": AT, **record}).encode())]
    assert batch.prediction is not None
    assert cells(batch.prediction) == ["1"]
    assert batch.label is not None
    assert cells(batch.label) == ["1"]
    assert batch.features["income"].dtype == np.float64  # type: ignore[union-attr]
    assert cells(batch.features["income"]) == [5_000.0]
    assert cells(batch.features["purpose"]) == ["car"]
    assert cells(batch.audit["gender"]) == ["female"]
    assert batch.mismatched == {}
    assert batch.rejected == ()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "invalid_json"),
        (b"not json", "invalid_json"),
        (b'{"at":"2026-03-01T12:00:00Z"', "invalid_json"),
        (b'{"at":"2026-03-01T12:00:00Z"} {}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"x":' * 100_000, "invalid_json"),
        (b"[]", "not_an_object"),
        (b"17", "not_an_object"),
        (b"NaN", "not_an_object"),
        (b'"at"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"\xff\xfe{\x00}\x00", "bad_encoding"),
        (b'{"at":"2026-03-01T12:00:00Z","id":"\xff"}', "bad_encoding"),
        (b'{"at":"2026-03-01T12:00:00Z","gender":"\\ud800"}', "bad_encoding"),
        (b"{}", "missing_time"),
        (b'{"at":null}', "missing_time"),
        (b'{"at":""}', "missing_time"),
        (b'{"at":NaN}', "missing_time"),
        (b'{"at":"soon"}', "unreadable_time"),
        (b'{"at":[1772366400]}', "unreadable_time"),
        (b'{"at":true}', "unreadable_time"),
        (b'{"at":"2026-03-01T12:00:00"}', "naive_time"),
        (b'{"at":"1970-01-01T00:00:00Z"}', "implausible_time"),
        (b'{"at":1e999}', "implausible_time"),
        (b'{"at":' + b"9" * 5_000 + b"}", "implausible_time"),
    ],
)
def test_a_bad_record_is_rejected_and_its_batch_goes_on(record: bytes, reason: str) -> None:
    batch = decode({"id": "first"}, record, {"id": "last"})
    assert batch.n == 2
    assert batch.offset.tolist() == [70, 72]
    (rejected,) = batch.rejected
    assert (rejected.reason, rejected.offset, rejected.row) == (reason, 71, 1)
    assert "2026" not in rejected.detail


def test_a_record_above_the_limit_is_rejected_and_one_at_it_is_not() -> None:
    head = b'{"at":"2026-03-01T12:00:00Z","x":"'
    fits = head + b"x" * (MAX_RECORD_BYTES - len(head) - 2) + b'"}'
    assert len(fits) == MAX_RECORD_BYTES
    batch = decode(fits, fits.replace(b"xx", b"xxx", 1), {})
    assert batch.offset.tolist() == [70, 72]
    assert [(r.reason, r.row) for r in batch.rejected] == [("too_large", 1)]


def test_what_is_not_read_need_not_be_valid_text() -> None:
    batch = decode(b'{"at":"2026-03-01T12:00:00Z","comment":"\xff","other":"\\ud800"}')
    assert batch.n == 1


@pytest.mark.parametrize("value", [None, "", math.nan])
def test_missing_is_no_mismatch(value: object) -> None:
    batch = decode(
        {"features": {"income": value, "purpose": value}, "id": value}, {"features": None}
    )
    assert cells(batch.features["income"]) == [None, None]
    assert cells(batch.features["purpose"]) == [None, None]
    assert batch.event_id.tolist() == [NO_ID, NO_ID]
    assert batch.mismatched == {}


@pytest.mark.parametrize("value", ["12", [1], {"a": 1}])
def test_a_wrong_type_is_missing_and_flagged_and_the_event_stays(value: object) -> None:
    batch = decode({"features": {"income": 1}}, {"features": {"income": value}})
    assert cells(batch.features["income"]) == [1.0, None]
    assert {k: v.tolist() for k, v in batch.mismatched.items()} == {
        "features.income": [False, True]
    }


def test_flags_move_with_the_rows_that_stay() -> None:
    batch = decode(b"{", {"features": {"income": "x"}}, b"{", {"gender": ["f"]})
    assert batch.mismatched["features.income"].tolist() == [True, False]
    assert batch.mismatched["audit.gender"].tolist() == [False, True]
    assert [r.row for r in batch.rejected] == [0, 1]


def test_a_flag_of_a_rejected_record_is_not_reported() -> None:
    assert decode(b'{"at":"soon","gender":[1]}', {}).mismatched == {}


def test_infinities_are_numbers() -> None:
    batch = decode(
        b'{"at":1772366400,"features":{"income":1e999}}',
        b'{"at":1772366400,"features":{"income":-Infinity}}',
        b'{"at":1772366400,"features":{"income":' + b"9" * 400 + b"}}",
    )
    assert batch.features["income"].tolist() == [math.inf, -math.inf, math.inf]  # type: ignore[union-attr]


def test_equal_spellings_of_an_outcome_are_one_class() -> None:
    batch = decode(*({"decision": value} for value in (1, 1.0, "1", True, 0, False, "true")))
    assert batch.prediction is not None
    assert cells(batch.prediction) == ["1", "1", "1", "1", "0", "0", "true"]


def test_a_boolean_feature_is_a_word_and_a_number_is_a_number() -> None:
    batch = decode(*({"features": {"purpose": value}} for value in (True, 1, "true", False, 0)))
    assert cells(batch.features["purpose"]) == ["true", "1", "true", "false", "0"]


def test_ids_are_equal_by_their_text() -> None:
    ids = decode(*({"id": value} for value in ("7", 7, 7.0, "07"))).event_id
    assert ids[0] == ids[1] == ids[2] != ids[3]


def test_no_boolean_or_list_is_an_id() -> None:
    batch = decode({"id": True}, {"id": [1]}, {"id": "a"})
    assert batch.event_id.tolist()[:2] == [NO_ID, NO_ID]
    assert batch.mismatched["event_id"].tolist() == [True, True, False]


def test_an_unreadable_recording_time_is_flagged_and_the_event_stays() -> None:
    batch = decode({"recorded": "later"}, {"recorded": None}, {"recorded": AT})
    assert batch.recorded_time is not None
    assert batch.recorded_time.tolist() == [NO_TIME, NO_TIME, NOON]
    assert batch.mismatched["recorded_time"].tolist() == [True, False, False]


def test_the_last_of_duplicate_keys_counts() -> None:
    batch = decode(b'{"at":1,"at":1772366400,"gender":[],"gender":"m","gender":"f"}')
    assert cells(batch.audit["gender"]) == ["f"]
    assert batch.mismatched == {}


def test_a_byte_order_mark_and_control_characters_are_read() -> None:
    batch = decode(b'\xef\xbb\xbf{"at":1772366400,"gender":"f\tm"}')
    assert cells(batch.audit["gender"]) == ["f\tm"]


def test_a_score_alone_decides_by_the_threshold() -> None:
    schema = EventSchema(time="at", score="p", features={}, task="classification", threshold=0.7)
    batch = decode({"p": 0.7}, {"p": 0.69}, {"p": None}, {"p": "x"}, schema=schema)
    assert batch.prediction is not None
    assert cells(batch.prediction) == ["1", "0", None, None]
    assert set(batch.mismatched) == {"score"}


def test_regression_has_numeric_predictions_and_labels() -> None:
    schema = EventSchema(time="at", prediction="y", label="t", features={}, task="regression")
    batch = decode({"y": 1.5, "t": 2}, {"y": "1.5"}, schema=schema)
    assert batch.prediction is not None
    assert cells(batch.prediction) == [1.5, None]
    assert batch.label is not None
    assert cells(batch.label) == [2.0, None]
    assert set(batch.mismatched) == {"prediction"}


def test_rows_are_timed_by_a_rule_even_after_a_rejected_one() -> None:
    schema = EventSchema(time=TimeRule(1_772_366_400, 60), features={}, task="classification")
    decoder = JsonDecoder(schema, b"key")
    batch = decoder.decode("f", "0", [b"{}", b"{", b"{}"], [10, 12, 14], 8, first_row=5)
    assert [(t - NOON) // 60_000_000 for t in batch.event_time.tolist()] == [5, 7]
    assert batch.offset.tolist() == [10, 14]


def test_records_may_be_views() -> None:
    raw = b'{"at":1772366400,"gender":"f"}'
    decoder = JsonDecoder(SCHEMA, b"key")
    batch = decoder.decode(
        "s", "0", [memoryview(raw), bytearray(raw), memoryview(b"{")], [1, 2, 3], 4
    )
    assert cells(batch.audit["gender"]) == ["f", "f"]
    assert batch.body.tolist() == [crc32c(raw)] * 2


def test_no_records_are_an_empty_batch() -> None:
    batch = decode()
    assert batch.n == 0
    assert batch.rejected == ()
    assert isinstance(batch.prediction, Categorical)


def test_a_stream_of_refused_values_gets_a_wider_type() -> None:
    decoder = JsonDecoder(SCHEMA, b"key")
    record = b'{"at":1772366400,"features":{"income":"12","purpose":true}}'
    patient = 0

    class Counting(JsonDecoder):
        def _patiently(self, record: Any, row: int) -> Any:
            nonlocal patient
            patient += 1
            return super()._patiently(record, row)

    decoder = Counting(SCHEMA, b"key")
    for _ in range(3):
        records = [record] * json_decoder.WIDEN_AFTER
        batch = decoder.decode("s", "0", records, range(len(records)), 0)
        assert batch.mismatched["features.income"].all()
        assert set(cells(batch.features["purpose"])) == {"true"}
    assert patient == json_decoder.WIDEN_AFTER


def test_a_stream_with_nulls_stays_on_the_typed_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a record went to the patient decoder")

    monkeypatch.setattr(JsonDecoder, "_patiently", never)
    nothing = {"id": None, "decision": None, "features": {"income": None}, "gender": None}
    assert decode(nothing, {"features": None}, {}).n == 3


def test_overlapping_paths_are_refused_by_name() -> None:
    schema = EventSchema(time="at", id="at.id", features={}, task="classification")
    with pytest.raises(CollectorError, match=r"'at'.*'at\.id'"):
        JsonDecoder(schema, b"key")


def test_an_open_schema_is_refused() -> None:
    with pytest.raises(CollectorError, match="not complete"):
        JsonDecoder(EventSchema(time="at"), b"key")


def test_a_field_that_turns_from_numbers_to_booleans_is_not_confused() -> None:
    decoder = JsonDecoder(SCHEMA, b"key")
    one, yes = (b'{"at":1772366400,"features":{"purpose":%s}}' % value for value in (b"1", b"true"))
    for record, text in [(one, "1"), (yes, "true"), (yes, "true"), (one, "1"), (one, "1")]:
        records = [record] * json_decoder.WIDEN_AFTER
        batch = decoder.decode("s", "0", records, range(len(records)), 0)
        assert set(cells(batch.features["purpose"])) == {text}


def test_one_field_can_be_read_in_two_ways() -> None:
    schema = EventSchema(
        time="at",
        id="x",
        label="x",
        features={"n": FeatureField("x", "numeric"), "t": FeatureField("x", "categorical")},
        task="classification",
    )
    batch = decode({"x": True}, {"x": 2}, {"x": "b"}, schema=schema)
    assert batch.label is not None
    assert cells(batch.label) == ["1", "2", "b"]
    assert cells(batch.features["n"]) == [1.0, 2.0, None]
    assert cells(batch.features["t"]) == ["true", "2", "b"]
    flagged = {key: flags.tolist() for key, flags in batch.mismatched.items()}
    assert flagged == {"event_id": [True, False, False], "features.n": [False, False, True]}


class PanicException(BaseException):
    """What a panic in compiled code becomes."""


def test_a_defect_of_the_compiled_reader_costs_time_and_no_event() -> None:
    class Broken:
        def read(self, records: list[bytes]) -> None:
            raise PanicException

    decoder = JsonDecoder(SCHEMA, b"0123456789abcdef")
    if decoder._native is None:
        return
    decoder._native._reader = Broken()  # type: ignore[assignment]
    raw = [json.dumps({"at": AT, "id": str(i), "features": {"income": i}}).encode() for i in (0, 1)]
    for _ in range(2):
        batch = decoder.decode("s", "0", raw, [0, 1], 2)
        assert cells(batch.features["income"]) == [0.0, 1.0]
        assert batch.body.tolist() == [crc32c(one) for one in raw]
    assert not decoder._native.worthwhile
