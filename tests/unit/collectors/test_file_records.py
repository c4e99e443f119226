"""From bytes to records, wherever the bytes are cut."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import file_records
from collectors.file_records import Part, batched, csv_records, line_records


class Pieces:
    """Bytes in pieces, each followed by some pauses."""

    problem: str | None = None

    def __init__(self, data: bytes, size: int = 7, pauses: int = 0) -> None:
        pieces = (data[i : i + size] for i in range(0, len(data), size))
        self._queue = iter([part for p in pieces for part in (p, *[b""] * pauses)])

    def read(self) -> bytes | None:
        return next(self._queue, None)


def flat(parts: Iterator[Part]) -> list[tuple[bytes, int]]:
    return [pair for part in parts for pair in zip(part.records, part.lines, strict=True)]


@given(
    st.lists(st.text("ab \r", max_size=5).map(str.encode), max_size=8),
    st.integers(1, 9),
    st.integers(0, 1),
)
def test_lines_do_not_depend_on_where_the_bytes_are_cut(
    lines: list[bytes], size: int, pauses: int
) -> None:
    data = b"\n".join(lines)
    expected = [
        (line.removesuffix(b"\r"), number)
        for number, line in enumerate(data.split(b"\n"), 1)
        if line.strip()
    ]
    assert flat(line_records(Pieces(data, size, pauses))) == expected


cells = st.text('ab,"\n é', max_size=6)


@given(st.lists(st.tuples(cells, cells, st.just("z")), max_size=6), st.integers(1, 9))
def test_well_formed_csv_is_cut_into_its_records(rows: list[tuple[str, ...]], size: int) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    found = flat(csv_records(Pieces(text.getvalue().encode(), size), ","))
    assert [tuple(next(csv.reader([r.decode()]))) for r, _ in found] == rows
    lines = text.getvalue().split("\n")
    for record, line in found:
        assert lines[line - 1].encode() == record.split(b"\n")[0]


@given(st.text('ab,"\n', max_size=60), st.integers(1, 9))
def test_no_line_of_any_text_is_lost(text: str, size: int) -> None:
    found = flat(csv_records(Pieces(text.encode(), size), ","))
    lines = [line for record, _ in found for line in record.split(b"\n") if line]
    assert lines == [line.encode() for line in text.split("\n") if line]
    assert [line for _, line in found] == sorted({line for _, line in found})


def test_a_quote_that_is_never_closed_costs_one_record() -> None:
    data = b'a,b\n1,"open\n' + b"2,3\n" * 500
    found = flat(csv_records(Pieces(data, 64), ","))
    assert found[1] == (b'1,"open', 2)
    assert len(found) == 502
    assert found[-1] == (b"2,3", 502)


def test_an_unclosed_quote_gives_up_where_a_record_is_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_records, "MAX_RECORD_BYTES", 100)
    data = b'1,"open\n' + b"2,3\n" * 50 + b'4,"x\ny"\n'
    found = flat(csv_records(Pieces(data), ","))
    assert found[0] == (b'1,"open', 1)
    assert found[-1] == (b'4,"x\ny"', 52)
    assert len(found) == 52


def test_a_quote_inside_of_a_bare_cell_is_only_a_character() -> None:
    found = flat(csv_records(Pieces(b'pipe 12",x\n1,2\n'), ","))
    assert found == [(b'pipe 12",x', 1), (b"1,2", 2)]


def test_a_line_of_any_length_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_records, "MAX_RECORD_BYTES", 50)
    found = flat(line_records(Pieces(b"x" * 1_000 + b"\nnext\n", size=20)))
    assert [(len(r) > 50, line) for r, line in found] == [(True, 1), (False, 2)]
    assert len(found[0][0]) < 80


@given(st.lists(st.integers(0, 4), max_size=10), st.integers(1, 6))
def test_batches_have_the_size_asked_for_and_nothing_waits_over_a_pause(
    counts: list[int], size: int
) -> None:
    number = iter(range(1_000))
    parts = [Part([b"r"] * n, [next(number) for _ in range(n)]) for n in counts]
    found = list(batched(parts, lambda: size))
    assert [line for p in found for line in p.lines] == [line for p in parts for line in p.lines]
    assert all(len(p.records) <= size for p in found)
    seen = 0
    for part in found:
        seen += len(part.records)
        if not part.records:  # a pause: all before it has been handed on
            assert seen in [sum(counts[:i]) for i, n in enumerate(counts) if n == 0]


@pytest.mark.parametrize("data", [b"1,2\n3,4", b'1,2\n"3,4\n5,6\n'])
def test_what_was_begun_when_reading_failed_is_no_record(data: bytes) -> None:
    pieces = Pieces(data)
    pieces.problem = "the disk is gone"
    assert flat(csv_records(pieces, ",")) == [(b"1,2", 1)]
