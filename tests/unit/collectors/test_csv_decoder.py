"""What the CSV decoder makes of good and bad records; see also the property test against JSON."""

from __future__ import annotations

from crc32c import crc32c

from collectors.batch import EventBatch
from collectors.decoders.csv import CsvDecoder
from collectors.schema import EventSchema, FeatureField
from tests.batches import cells

AT = "2026-03-01T12:00:00Z"
SCHEMA = EventSchema(
    time="at",
    features={"x": FeatureField("x", "numeric"), "y": FeatureField("y", "categorical")},
    task="classification",
)


def decode(*records: str) -> EventBatch:
    raw = [record.encode() for record in records]
    return CsvDecoder(SCHEMA, b"key", ("at", "x", "y")).decode("f", "0", raw, range(len(raw)), 0)


def test_only_plain_numbers_are_numbers() -> None:
    batch = decode(f"{AT},1_000,a", f"{AT},5,b", f"{AT},\u0661,c", f"{AT},,d", f"{AT},NA,e")
    assert cells(batch.features["x"]) == [None, 5.0, None, None, None]
    assert batch.mismatched["features.x"].tolist() == [True, False, True, False, True]


def test_records_that_run_into_each_other_are_both_rejected() -> None:
    # Read as one text, the first two would be a record of the right width.
    batch = decode(f'{AT},"1', '2",c', f"{AT},3,d")
    assert cells(batch.features["x"]) == [3.0]
    assert [(r.reason, r.offset, r.row) for r in batch.rejected] == [
        ("csv_syntax", 0, 0),
        ("csv_columns", 1, 0),
    ]


def test_how_a_cell_is_quoted_is_not_its_content() -> None:
    batch = decode(f"{AT},1,a", f'"{AT}","1","a"', f"{AT},1,b")
    assert batch.body[0] == batch.body[1] != batch.body[2]
    assert batch.body[0] == crc32c(f"{AT}\x1f1\x1fa".encode())
