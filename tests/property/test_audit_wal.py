"""The write-ahead log: whatever happens to its bytes is noticed or cut, and nothing crashes."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporters.audit import place
from exporters.audit.frames import HEADER_SIZE, Good, encode_frame, encode_header, scan
from exporters.audit.verify_wal import verify
from exporters.audit.wal import Recovered, Wal, recover, segments
from tests.unit.exporters.audit.logs import (
    NOTHING,
    judged,
    number,
    payloads,
    segment_paths,
    write_log,
    writer,
)

ORIGIN = "test/x/1"
RECORDS = [b'{"actor":' + str(i).encode() * (i + 1) + b"}" for i in range(4)]


def written(folder: Path, records: Sequence[bytes], segment_bytes: int = 1 << 20) -> Path:
    folder.mkdir(parents=True)
    wal = Wal(folder, ORIGIN, 0, segment_bytes)
    for record in records:
        wal.append([record])
    wal.close()
    return segments(folder)[-1][1]


def read_back(folder: Path) -> tuple[Recovered, list[bytes]]:
    found: list[bytes] = []

    def visit(_number: int, payload: bytes) -> None:
        found.append(payload)

    return recover(folder, ORIGIN, folder.parent / "quarantine", visit), found


def test_cut_at_every_byte_the_whole_records_before_it_remain(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole", RECORDS).read_bytes()
    for length in range(len(whole)):
        folder = tmp_path / str(length) / "wal"
        folder.mkdir(parents=True)
        path = folder / f"{0:020d}.wal"
        path.write_bytes(whole[:length])
        recovered, found = read_back(folder)
        ends = [HEADER_SIZE]
        for record in RECORDS:
            ends.append(ends[-1] + len(encode_frame(record)))
        kept = max((i for i, end in enumerate(ends) if end <= length), default=0)
        torn = length - ends[kept] if length >= HEADER_SIZE else length
        assert recovered == Recovered(kept, torn, None)
        assert found == RECORDS[:kept]
        # What was cut is kept, and the log goes on from there.
        kept_bytes = b"".join(p.read_bytes() for p in (tmp_path / str(length)).rglob("*.torn"))
        assert kept_bytes == (whole[length - torn : length] if torn else b"")
        wal = Wal(folder, ORIGIN, recovered.size)
        wal.append([b'{"actor":"after"}'])
        wal.close()
        assert read_back(folder)[1] == [*RECORDS[:kept], b'{"actor":"after"}']
        shutil.rmtree(tmp_path / str(length))


def test_every_flipped_byte_is_noticed_or_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "wal", RECORDS)
    whole = path.read_bytes()
    last = len(whole) - len(encode_frame(RECORDS[-1]))
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        recovered, found = read_back(tmp_path / "wal")
        if at >= last:
            # Damage to the very last frame cannot be told from an unfinished write.
            assert recovered == Recovered(len(RECORDS) - 1, len(whole) - last, None)
        else:
            assert recovered.corrupt is not None, f"byte {at}"
        assert found == RECORDS[: len(found)]


def test_every_flipped_byte_is_found_by_the_verifier(tmp_path: Path) -> None:
    log = write_log(tmp_path, [judged(0)])
    (path,) = segment_paths(log)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        assert verify(log).result != "PASS", f"byte {at}"


def test_cut_at_any_byte_the_verifier_says_so_and_the_writer_goes_on(tmp_path: Path) -> None:
    log = write_log(tmp_path / "whole", [judged(0)])
    (path,) = segment_paths(log)
    whole = path.read_bytes()
    relative = path.relative_to(tmp_path / "whole")
    for length in range(0, len(whole), 331):
        base = tmp_path / str(length)
        shutil.copytree(tmp_path / "whole", base)
        (base / relative).write_bytes(whole[:length])
        assert verify(base / "audit").result == "FAIL", f"cut at {length}"
        exporter = writer(base, boot="boot-2")
        exporter.start(NOTHING)
        exporter.export(number([judged(0), judged(1)]))
        exporter.stop(1.0)
        assert len({p for p in payloads(base / "audit") if b'"window.signals"' in p}) <= 2
        shutil.rmtree(base)


def test_zeros_after_the_end_are_cut(tmp_path: Path) -> None:
    """A file system may lengthen a file and lose what was to be in it."""
    path = written(tmp_path / "wal", RECORDS)
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(100))
    recovered, found = read_back(tmp_path / "wal")
    assert recovered == Recovered(len(RECORDS), 100, None)
    assert found == RECORDS


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(
    batches=st.lists(
        st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4), max_size=8
    ),
    segment_bytes=st.integers(60, 400),
)
def test_what_is_appended_is_read_back_over_any_segments(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]], segment_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("wal") / "wal"
    folder.mkdir()
    size = 0
    for batch in batches:
        # Each batch by a new writer, as after a restart.
        wal = Wal(folder, ORIGIN, size, segment_bytes)
        wal.append(batch)
        wal.close()
        size = wal.size
    everything: list[bytes] = []
    for first, path in segments(folder):
        assert first == len(everything)
        with path.open("rb") as file:
            frames = list(scan(file, path.stat().st_size))
        everything += [frame.payload for frame in frames if isinstance(frame, Good)]
    assert everything == [record for batch in batches for record in batch]
    assert read_back(folder)[0] == Recovered(size, 0, None)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_scanned_without_a_gap(junk: bytes) -> None:

    data = encode_header(ORIGIN, 0) + junk + encode_frame(b'{"actor":1}') + junk
    at = HEADER_SIZE
    for found in scan(io.BytesIO(data), len(data)):
        assert found.offset == at
        at = found.end if not isinstance(found, Good) else at + 8 + len(found.payload)
    assert at == len(data)


def test_a_missing_segment_is_noticed(tmp_path: Path) -> None:
    written(tmp_path / "wal", RECORDS, segment_bytes=60)
    paths = [path for _, path in segments(tmp_path / "wal")]
    assert len(paths) >= 3
    paths[-2].rename(tmp_path / "away")
    recovered, _ = read_back(tmp_path / "wal")
    assert recovered.corrupt is not None


def test_a_second_epoch_sorts_after_the_first_even_if_the_clock_went_back() -> None:
    later = place.new_epoch(2_000_000_000.0, [])
    earlier_clock = place.new_epoch(1_000_000_000.0, [later])
    assert earlier_clock > later
    assert len(earlier_clock) == 26
