"""The file collector: every format, a restart, a pace, and what is wrong with files."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from collectors.base import (
    Channel,
    CollectorError,
    EndOfInput,
    Item,
    Resume,
    SchemaResolved,
    SourceStatus,
)
from collectors.batch import EventBatch
from collectors.file import FileCollector, FileOptions, build, read_batches
from collectors.schema import EventSchema, FeatureField, TimeRule
from tests.batches import cells, content

KEY = b"key"
OPEN = EventSchema()
FIELDS = ("id", "decided_at", "approve", "income", "purpose")


def events(n: int = 25) -> list[dict[str, Any]]:
    return [
        {
            "id": f"app-{i}",
            "decided_at": f"2026-03-01T12:{i // 60:02d}:{i % 60:02d}Z",
            "approve": i % 2,
            "income": 1_000.5 + i,
            "purpose": ("car", "a, b", 'say "x"\nagain')[i % 3],
        }
        for i in range(n)
    ]


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    def cell(value: object) -> str:
        text = str(value)
        return '"' + text.replace('"', '""') + '"' if set(text) & set('",\n') else text

    lines = [",".join(FIELDS), *(",".join(cell(row[name]) for name in FIELDS) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


FORMATS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "e.csv": as_csv,
    "e.jsonl": as_jsonl,
    "e.ndjson": as_jsonl,
    "e.csv.gz": lambda rows: gzip.compress(as_csv(rows)),
    "e.jsonl.gz": lambda rows: gzip.compress(as_jsonl(rows)),
}


def batches(items: Iterator[Item] | list[Item]) -> list[EventBatch]:
    return [item for item in items if isinstance(item, EventBatch)]


def end(items: list[Item]) -> EndOfInput:
    last = items[-1]
    assert isinstance(last, EndOfInput)
    return last


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_every_format_gives_the_same_events(tmp_path: Path) -> None:
    found = {}
    for name, write in FORMATS.items():
        items = list(read_batches(written(tmp_path, name, write(events())), OPEN, KEY))
        assert isinstance(items[0], SchemaResolved)
        assert end(items).error is None
        found[name] = content(batches(items))
        del found[name]["body"], found[name]["offset"]
    assert found["e.csv"]["n"] == 25
    assert found["e.csv"]["features.purpose"][2] == 'say "x"\nagain'
    assert all(one == found["e.csv"] for one in found.values())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [1, 2, 24, 25, 1_000])
def test_the_batch_size_does_not_show(tmp_path: Path, name: str, size: int) -> None:
    path = written(tmp_path, name, FORMATS[name](events()))
    found = batches(read_batches(path, OPEN, KEY, batch_size=size))
    assert max(batch.n for batch in found) == min(size, 25)
    assert content(found) == content(batches(read_batches(path, OPEN, KEY)))


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl.gz"])
@pytest.mark.parametrize("position", [0, 1, 7, 24, 25])
def test_reading_goes_on_where_it_stopped(tmp_path: Path, name: str, position: int) -> None:
    path = written(tmp_path, name, FORMATS[name](events()))
    whole = content(batches(read_batches(path, OPEN, KEY)))
    collector = FileCollector(FileOptions(path=path, batch_size=4), OPEN, KEY)
    rest = batches(collector.items(Resume(positions={"0": position})))
    assert rest[-1].next_offset == 25 if rest else position == 25
    found = content(rest)
    assert found["n"] == 25 - position
    for key in found.keys() & {"event_id", "offset", "event_time", "features.income"}:
        assert found[key] == whole[key][position:]


def test_offsets_are_lines_and_positions_are_records(tmp_path: Path) -> None:
    data = b"\n" + as_csv(events(3)) + b"\n\n" + b"app-9,2026-03-01T12:00:00Z,1,5,car"
    items = list(read_batches(written(tmp_path, "e.csv", data), OPEN, KEY))
    (batch,) = batches(items)
    # The header is on line 2; the third record has a line break in it, then come two blank lines.
    assert batch.offset.tolist() == [3, 4, 5, 9]
    assert batch.next_offset == 4


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    plain = content(batches(read_batches(written(tmp_path, "a.csv", as_csv(events(2))), OPEN, KEY)))
    marked = b"\xef\xbb\xbf" + as_csv(events(2)).replace(b"\n", b"\r\n")
    found = batches(read_batches(written(tmp_path, "b.csv", marked), OPEN, KEY))
    assert content(found) == plain


@pytest.mark.parametrize(("delimiter", "shown"), [(";", '";"'), ("\t", r'"\\t"'), ("|", r'"\|"')])
def test_another_delimiter_than_the_file_has_is_told(
    tmp_path: Path, delimiter: str, shown: str
) -> None:
    body = f"decided_at{delimiter}approve\n2026-03-01T12:00:00Z{delimiter}1\n".encode()
    path = written(tmp_path, "e.csv", body)
    with pytest.raises(CollectorError, match=f"set `delimiter: {shown}`"):
        list(read_batches(path, OPEN, KEY))


@pytest.mark.parametrize("body", [b'[{"a": 1}, {"a": 2}]', b"\xef\xbb\xbf [\n  {\n"])
def test_a_list_in_the_place_of_lines_is_told(tmp_path: Path, body: bytes) -> None:
    path = written(tmp_path, "e.jsonl", body)
    with pytest.raises(CollectorError, match="one object per line"):
        list(read_batches(path, OPEN, KEY))


def test_another_delimiter(tmp_path: Path) -> None:
    path = written(tmp_path, "e.csv", b"time;x\n2026-03-01T12:00:00Z;1,5\n")
    options = FileOptions(path=path, delimiter=";")
    (batch,) = batches(read_batches(path, OPEN, KEY, options=options))
    assert cells(batch.features["x"]) == ["1,5"]


def test_bad_records_are_counted_and_the_others_go_on(tmp_path: Path) -> None:
    good = "a{i},2026-03-01T12:00:00Z,1,5,car\n"
    data = (
        as_csv([])
        + good.format(i=1).encode()
        + b"too,few\n"
        + b"b,soon,1,5,car\n"
        + b"c,2026-03-01T12:00:00Z,1,5,\xff\n"
        + b'd,2026-03-01T12:00:00Z,1,5,"x"y\n'
        + b'e,2026-03-01T12:00:00Z,1,5,"open\n'
        + good.format(i=2).encode()
    )
    found = content(batches(read_batches(written(tmp_path, "e.csv", data), OPEN, KEY)))
    assert found["n"] == 2
    assert [(r.reason, r.offset, r.row) for r in found["rejected"]] == [
        ("csv_columns", 3, 1),
        ("unreadable_time", 4, 1),
        ("bad_encoding", 5, 1),
        ("csv_syntax", 6, 1),
        ("csv_syntax", 7, 1),
    ]


def test_rows_can_be_timed_by_a_rule(tmp_path: Path) -> None:
    path = written(tmp_path, "e.csv", b'x,note\n1,"two\nlines"\n2,\nbad\n3,\n')
    schema = EventSchema(time=TimeRule(1_772_366_400, 60))
    for size in (1, 10):
        found = content(batches(read_batches(path, schema, KEY, batch_size=size)))
        minutes = [(t // 1_000_000 - 1_772_366_400) // 60 for t in found["event_time"]]
        assert minutes == [0, 1, 3]
    rest = FileCollector(FileOptions(path=path), schema, KEY).items(Resume(positions={"0": 1}))
    found = content(batches(rest))
    assert [(t // 1_000_000 - 1_772_366_400) // 60 for t in found["event_time"]] == [1, 3]


def test_a_nested_schema_meets_the_columns_of_a_flat_file(tmp_path: Path) -> None:
    schema = EventSchema(
        time="meta.decided_at",
        features={"income": FeatureField("features.income", "numeric")},
        task="classification",
    )
    items = list(read_batches(written(tmp_path, "e.csv", as_csv(events(2))), schema, KEY))
    assert cells(batches(items)[0].features["income"]) == [1_000.5, 1_001.5]
    assert isinstance(items[0], SchemaResolved)
    assert "features.income: column income (its last part)" in items[0].notes


def test_a_feature_without_a_column_is_missing_and_said_so(tmp_path: Path) -> None:
    schema = EventSchema(
        features={"wealth": FeatureField("wealth", "numeric")}, task="classification"
    )
    items = list(read_batches(written(tmp_path, "e.csv", as_csv(events(2))), schema, KEY))
    assert cells(batches(items)[0].features["wealth"]) == [None, None]
    assert isinstance(items[0], SchemaResolved)
    assert any(n.startswith("warning: systems[].features.wealth") for n in items[0].notes)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("e.csv", b""),
        ("e.csv", b"a,b\n"),
        ("e.jsonl", b""),
        ("e.jsonl", b"\n \n"),
        ("e.jsonl.gz", b""),
        ("e.csv.gz", gzip.compress(b"")),
    ],
)
def test_a_file_without_a_record_says_so(tmp_path: Path, name: str, data: bytes) -> None:
    (only,) = read_batches(written(tmp_path, name, data), OPEN, KEY)
    assert isinstance(only, EndOfInput)
    assert only.error is not None
    assert "no record" in only.error


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("e.parquet", b"PAR1", "Parquet is not supported yet"),
        ("e.txt", b"", r"\.csv, \.jsonl, \.ndjson .*collectors\[\]\.format"),
        ("e.jsonl.gz", b"{}\n", "is not gzip"),
        ("e.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16.*UTF-8"),
        ("e.csv", b"a,b,a\n1,2,3\n", "'a' more than once"),
        ("e.csv", b"a,b\n1,2\n", r"systems\[\]\.event\.time to one of: a, b"),
        ("e.jsonl", b"garbage\n", "no readable record"),
    ],
)
def test_what_a_person_must_mend(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = written(tmp_path, name, data)
    with pytest.raises(CollectorError, match=message) as raised:
        list(read_batches(path, OPEN, KEY))
    assert str(path) in str(raised.value)


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(CollectorError, match="no such file"):
        list(read_batches(tmp_path / "none.csv", OPEN, KEY))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CollectorError, match="is a directory"):
        list(read_batches(tmp_path / "folder.csv", OPEN, KEY))


def test_a_time_without_a_column_is_named_with_its_key(tmp_path: Path) -> None:
    schema = EventSchema(time="when", features={}, task="classification")
    path = written(tmp_path, "e.csv", as_csv(events(1)))
    with pytest.raises(CollectorError, match=r"'when'.*systems\[\]\.event\.time.*decided_at"):
        list(read_batches(path, schema, KEY))


def test_a_gzip_stream_that_is_cut_off_is_counted_and_told(tmp_path: Path) -> None:
    whole = as_jsonl(events(3_000))
    data = gzip.compress(whole)
    items = list(read_batches(written(tmp_path, "e.jsonl.gz", data[: len(data) // 2]), OPEN, KEY))
    found = content(batches(items))
    assert 0 < found["n"] < 3_000
    (rejected,) = found["rejected"]
    assert rejected.reason == "truncated"
    assert "cut off" in (end(items).error or "")


def test_a_damaged_gzip_stream_is_counted_and_told(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(as_jsonl(events(3_000))))
    data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)
    items = list(read_batches(written(tmp_path, "e.jsonl.gz", bytes(data)), OPEN, KEY))
    assert "truncated" in {r.reason for r in content(batches(items))["rejected"]}
    assert "damaged" in (end(items).error or "")


def test_run_puts_schema_status_batches_and_end_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "e.jsonl", as_jsonl(events()))
    collector = build(FileOptions(path=path, batch_size=10), OPEN, KEY)
    channel = Channel()
    collector.run(channel, Resume())
    items = drained(channel)
    kinds = [type(item) for item in items if not isinstance(item, SourceStatus)]
    assert kinds == [SchemaResolved, EventBatch, EventBatch, EventBatch, EndOfInput]
    statuses = [item for item in items if isinstance(item, SourceStatus)]
    assert statuses[-1].caught_up == statuses[-1].assigned == {"0"}
    assert isinstance(items[0], SchemaResolved)
    assert collector.name == "file:e.jsonl"


def test_a_pinned_schema_is_not_inferred_again(tmp_path: Path) -> None:
    path = written(tmp_path, "e.jsonl", as_jsonl(events(2)))
    pinned = EventSchema(time="decided_at", features={}, task="classification")
    items = list(FileCollector(FileOptions(path=path), OPEN, KEY).items(Resume(schema=pinned)))
    assert items[0] == SchemaResolved("file:e.jsonl", pinned)


def test_a_full_channel_stops_the_reading_until_there_is_room(tmp_path: Path) -> None:
    path = written(tmp_path, "e.jsonl", as_jsonl(events(30)))
    channel = Channel(high=10, low=5)
    collector = build(FileOptions(path=path, batch_size=10), OPEN, KEY)
    thread = threading.Thread(target=collector.run, args=(channel, Resume()), daemon=True)
    thread.start()
    seen: list[Item] = []
    while not seen or not isinstance(seen[-1], EndOfInput):
        item = channel.get(5)
        assert item is not None, "the collector hangs"
        assert channel.queued() <= 10
        seen.append(item)
    thread.join(5)
    assert content(batches(seen))["n"] == 30


def test_a_followed_file_is_read_as_it_grows_and_stops_when_asked(tmp_path: Path) -> None:
    rows = events(6)
    path = written(tmp_path, "e.jsonl", as_jsonl(rows[:2]) + b'{"id": "half')
    channel = Channel()
    collector = build(FileOptions(path=path, follow=True), OPEN, KEY)
    thread = threading.Thread(target=collector.run, args=(channel, Resume()), daemon=True)
    thread.start()
    assert content(received(channel, 2))["n"] == 2
    whole = as_jsonl(rows[:2]) + b'{"id": "half"}\n' + as_jsonl(rows[2:])
    with path.open("ab") as file:
        file.write(whole[path.stat().st_size :])
    found = content(received(channel, 4))
    assert [(r.reason, r.offset) for r in found["rejected"]] == [("missing_time", 3)]
    collector.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_a_followed_file_may_begin_empty_and_its_replacement_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "e.jsonl", b"")
    channel = Channel()
    collector = build(FileOptions(path=path, follow=True), OPEN, KEY)
    thread = threading.Thread(target=collector.run, args=(channel, Resume()), daemon=True)
    thread.start()
    path.write_bytes(as_jsonl(events(3)))
    assert content(received(channel, 3))["n"] == 3
    written(tmp_path, "new", as_jsonl(events(1))).rename(path)
    thread.join(10)
    assert not thread.is_alive()
    error = end(drained(channel)).error
    assert error is not None
    assert "replaced" in error


def test_a_replay_takes_its_time_and_can_be_stopped(tmp_path: Path) -> None:
    path = written(tmp_path, "e.jsonl", as_jsonl(events(60)))
    fast = Channel()
    build(FileOptions(path=path, speed=1_000), OPEN, KEY).run(fast, Resume())
    assert content(batches(drained(fast)))["n"] == 60
    slow = Channel()
    collector = build(FileOptions(path=path, speed=0.001), OPEN, KEY)
    thread = threading.Thread(target=collector.run, args=(slow, Resume()), daemon=True)
    thread.start()
    assert content(received(slow, 1))["n"] == 1
    collector.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert batches(drained(slow)) == []


def test_check_reads_the_beginning(tmp_path: Path) -> None:
    path = written(tmp_path, "e.csv", as_csv(events(2)))
    assert build(FileOptions(path=path), OPEN, KEY).check().startswith(f"{path}: CSV, ")
    empty = written(tmp_path, "none.csv", b"")
    with pytest.raises(CollectorError, match="no record"):
        build(FileOptions(path=empty), OPEN, KEY).check()


def test_options_are_checked() -> None:
    with pytest.raises(ValidationError, match="follow"):
        FileOptions(path=Path("e.csv.gz"), follow=True)
    with pytest.raises(ValidationError, match="extra"):
        FileOptions.model_validate({"path": "e.csv", "pth": 1})


def drained(channel: Channel) -> list[Item]:
    items = []
    while (item := channel.get(0)) is not None:
        items.append(item)
    return items


def received(channel: Channel, events: int) -> list[EventBatch]:
    """Wait until so many events have come."""
    found: list[EventBatch] = []
    deadline = time.monotonic() + 10
    while sum(batch.n for batch in found) < events:
        assert time.monotonic() < deadline, "the events do not come"
        item = channel.get(0.5)
        if isinstance(item, EventBatch):
            found.append(item)
    return found
