"""A file that was replaced, rotated or cut while the agent was away (ADR 43)."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from collectors.base import CollectorError, EndOfInput, Resume, SourceStatus
from collectors.batch import EventBatch
from collectors.file import FileCollector, FileOptions
from collectors.schema import EventSchema, TimeRule

KEY = b"key"


def lines(first: int, n: int) -> bytes:
    def one(i: int) -> str:
        at = f"2026-03-01T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z"
        return f'{{"id": "a{i}", "decided_at": "{at}", "approve": {i % 2}}}\n'

    return "".join(one(i) for i in range(first, first + n)).encode()


def read(
    path: Path, resume: Resume | None = None, schema: EventSchema | None = None
) -> tuple[list[EventBatch], list[SourceStatus], EndOfInput]:
    options = FileOptions(path=path, batch_size=100)
    items = list(FileCollector(options, schema or EventSchema(), KEY).items(resume or Resume()))
    end = items[-1]
    assert isinstance(end, EndOfInput)
    batches = [item for item in items if isinstance(item, EventBatch)]
    return batches, [item for item in items if isinstance(item, SourceStatus)], end


def after(batches: list[EventBatch], *, caught_up: bool = True) -> Resume:
    """Return where the store would let reading go on."""
    last = batches[-1]
    return Resume(
        positions={"0": last.next_offset},
        identities={"0": last.identity},
        caught_up=frozenset("0") if caught_up else frozenset(),
    )


def count(batches: list[EventBatch]) -> int:
    return sum(batch.n for batch in batches)


@pytest.mark.parametrize("n", [3, 250])
@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz"])
def test_another_file_in_its_place_is_read_from_its_beginning(
    tmp_path: Path, name: str, n: int
) -> None:
    path = tmp_path / name
    pack = gzip.compress if name.endswith(".gz") else bytes
    path.write_bytes(pack(lines(0, 250)))
    first, _, _ = read(path)
    path.write_bytes(pack(lines(1_000, n)))
    found, statuses, end = read(path, after(first))
    assert (count(found), end.error) == (n, None)
    assert [batch.anew for batch in found] == [True] + [False] * (len(found) - 1)
    assert not any(status.lost for status in statuses)


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz"])
@pytest.mark.parametrize("n", [2, 250])
def test_a_file_that_grew_is_read_on(tmp_path: Path, name: str, n: int) -> None:
    path = tmp_path / name
    pack = gzip.compress if name.endswith(".gz") else bytes
    path.write_bytes(pack(lines(0, n)))
    first, _, _ = read(path)
    assert read(path, after(first))[0] == []
    path.write_bytes(pack(lines(0, n + 70)))
    found, _, end = read(path, after(first))
    assert (count(found), found[-1].next_offset, end.error) == (70, n + 70, None)
    assert not any(batch.anew for batch in found)


def test_what_was_not_read_of_the_former_file_is_told_as_lost(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0, 250))
    first, _, _ = read(path)
    path.write_bytes(lines(1_000, 50))
    _, statuses, _ = read(path, after(first[:1], caught_up=False))
    assert [dict(status.lost) for status in statuses] == [{"0": None}]


def test_a_file_that_was_cut_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0, 250))
    first, _, _ = read(path)
    path.write_bytes(lines(0, 200))
    with pytest.raises(CollectorError, match=r"was cut.*another `name`"):
        read(path, after(first))


def test_rows_that_are_dated_by_their_number_are_not_dated_twice(tmp_path: Path) -> None:
    schema = EventSchema(time=TimeRule(start=0, every=60))
    path = tmp_path / "e.csv"
    path.write_bytes(b"approve,income\n" + b"1,5\n0,6\n" * 9)
    first, _, _ = read(path, schema=schema)
    path.write_bytes(b"approve,income\n" + b"1,7\n0,8\n" * 9)
    with pytest.raises(CollectorError, match=r"event\.time\.start"):
        read(path, after(first), schema)


def test_a_position_of_an_earlier_version_goes_on_and_gets_its_identity(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0, 250))
    found, _, end = read(path, Resume(positions={"0": 250}))
    assert (count(found), end.error) == (0, None)
    assert [batch.next_offset for batch in found] == [250]
    path.write_bytes(lines(1_000, 300))
    assert count(read(path, after(found))[0]) == 300


def test_a_position_of_an_earlier_version_behind_the_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0, 200))
    found, _, end = read(path, Resume(positions={"0": 250}))
    assert found == []
    assert end.error is not None
    assert "holds less than was read before (250 records)" in end.error


def test_the_identity_tells_nothing_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0, 5))
    (batch,), _, _ = read(path)
    other = FileCollector(FileOptions(path=path), EventSchema(), b"another key")
    identities = [item.identity for item in other.items(Resume()) if isinstance(item, EventBatch)]
    assert identities != [batch.identity]
