"""Each kind of tampering, and the finding that it must give."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from exporters.audit.findings import Findings, document, exit_code, render
from exporters.audit.frames import encode_frame
from exporters.audit.verify_wal import NotALog, verify
from exporters.base import Numbered
from tests.unit.exporters.audit.logs import (
    NOTHING,
    POLICY,
    edited,
    judged,
    payloads,
    records,
    rewrite,
    segment_paths,
    usual_items,
    write_log,
    writer,
)
from tests.unit.exporters.samples import alert

Tamper = Callable[[Path], None]
OTHER = "sha256:" + "e" * 64


def on_frames(change: Callable[[list[bytes]], list[bytes]]) -> Tamper:
    """Rewrite the records, each with a matching checksum."""

    def tamper(log: Path) -> None:
        rewrite(log, change(payloads(log)))

    return tamper


def on_bytes(change: Callable[[bytes], bytes]) -> Tamper:
    """Rewrite the segment's bytes."""

    def tamper(log: Path) -> None:
        (path,) = segment_paths(log)
        path.write_bytes(change(path.read_bytes()))

    return tamper


def on_record(number: int, **change: object) -> Tamper:
    """Edit one record, with a matching checksum; `__` in keys stands for a dot."""
    paths = {key.replace("__", "."): value for key, value in change.items()}
    return on_frames(lambda p: [*p[:number], edited(p[number], paths), *p[number + 1 :]])


def on_blob(change: Callable[[Path], object]) -> Tamper:
    def tamper(log: Path) -> None:
        change(log / "blobs" / POLICY.removeprefix("sha256:"))

    return tamper


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def forget_size(log: Path) -> None:
    (log.parent / "audit.state" / "writer.json").unlink()


# The records: 0 genesis, 1 policy, 2 window, 3 verdict, 4 window, 5 verdict, 6 restated, 7 verdict,
# 8 alert.
TAMPERINGS: dict[str, tuple[Tamper, set[str]]] = {
    "a bit of a window's record": (
        on_bytes(lambda d: flip(d, len(d) // 2)),
        {"frame_damaged", "window_unknown"},
    ),
    "a bit of the segment's magic": (
        on_bytes(lambda d: flip(d, 0)),
        {"segment_header", "record_missing", "no_records"},
    ),
    "a bit of the segment's origin": (on_bytes(lambda d: flip(d, 10)), {"wrong_origin"}),
    "a bit of the segment's first number": (on_bytes(lambda d: flip(d, 45)), {"segment_header"}),
    "a record deleted": (on_frames(lambda p: p[:4] + p[5:]), {"record_missing", "window_unknown"}),
    "a window deleted": (on_frames(lambda p: p[:4] + p[6:]), {"record_missing"}),
    "a record repeated": (on_frames(lambda p: [*p, p[8]]), {"record_repeated", "duplicate_id"}),
    "a record inserted": (
        on_frames(lambda p: [*p[:2], p[8], *p[2:8]]),
        {"record_missing", "record_repeated"},
    ),
    "records swapped": (
        on_frames(lambda p: [*p[:4], p[6], p[5], p[4], *p[7:]]),
        {"record_missing", "record_repeated", "window_unknown"},
    ),
    "the end cut at a record": (on_frames(lambda p: p[:8]), {"record_missing"}),
    "the end cut inside a record": (on_bytes(lambda d: d[:-3]), {"torn_tail", "record_missing"}),
    "the beginning cut": (
        on_frames(lambda p: p[1:]),
        {"genesis_missing", "record_missing"},
    ),
    "bytes added": (on_bytes(lambda d: d + b"junk"), {"torn_tail"}),
    "the segment gone": (
        lambda log: segment_paths(log)[0].unlink(),
        {"no_records", "record_missing"},
    ),
    "the window of a report changed": (
        on_record(2, data__revision=3),
        {"id_mismatch"},
    ),
    "a verdict moved to another window": (
        on_record(5, data__window__start="2026-01-01T00:00:00Z"),
        {"id_mismatch", "window_span"},
    ),
    "a verdict that cites another window": (
        on_record(5, corr__window="0" * 32),
        {"window_unknown"},
    ),
    "a verdict under a policy that was not in force": (
        on_record(3, data__verdicts__0__policy=OTHER),
        {"policy_unknown"},
    ),
    "the policy's digest swapped": (
        on_record(1, data__digest=OTHER),
        {"policy_unknown", "blob_altered"},
    ),
    "an alert's labels changed": (on_record(8, data__labels__rule="other"), {"id_mismatch"}),
    "an alert's text changed": (on_record(8, data__annotations__summary="Fine"), {"id_mismatch"}),
    "a record of another log": (on_record(4, source="other/log/1"), {"wrong_origin"}),
    "a field that no type lists": (on_record(4, data__customer="Siti"), {"schema_violation"}),
    "an unknown type": (on_record(4, type="io.pantau.audit.x.v1"), {"schema_violation"}),
    "a schema of another type": (on_record(4, dataschema="urn:x"), {"schema_violation"}),
    "a number that is no number": (on_record(4, seq="4"), {"schema_violation", "window_unknown"}),
    "spaces between": (
        on_frames(lambda p: [*p[:4], p[4].replace(b'","', b'", "', 1), *p[5:]]),
        {"not_canonical"},
    ),
    "no JSON": (
        on_frames(lambda p: [*p[:4], b'{"actor":', *p[5:]]),
        {"schema_violation", "window_unknown"},
    ),
    "the policy's text changed": (on_blob(lambda b: b.write_bytes(b"{}")), {"blob_altered"}),
    "the policy's text gone": (on_blob(lambda b: b.unlink()), {"blob_missing"}),
}
FOLLOWING = {
    "a number that is no number",
    "no JSON",
    "an unknown type",
    "a field that no type lists",
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_tampering_gives_its_finding(tmp_path: Path, what: str) -> None:
    log = write_log(tmp_path)
    assert verify(log).findings == ()
    tamper, codes = TAMPERINGS[what]
    tamper(log)
    found = {finding.code for finding in verify(log).findings}
    # An unreadable window record is no record: the verdict on it has nothing to follow.
    allowed = codes | (
        {"window_unknown"} if what in FOLLOWING | {"a schema of another type"} else set()
    )
    assert codes <= found <= allowed


def test_a_segment_that_is_gone_from_between_is_missed(tmp_path: Path) -> None:
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    exporter._writer.opened().wal._segment_bytes = 1
    for place, item in enumerate(usual_items()):
        exporter.export([Numbered(place, item)])
    exporter.stop(1.0)
    log = tmp_path / "audit"
    _, second, third, *_ = segment_paths(log)
    assert verify(log).findings == ()
    second.unlink()
    (found,) = (f for f in verify(log).findings if f.code == "record_missing")
    assert found.where.endswith(third.name)
    gone = f"{int(second.stem)} to {int(third.stem) - 1}"
    assert found.detail == f"records {gone} are missing before it"


def test_a_record_rewritten_with_its_checksum_is_not_found_and_the_note_says_so(
    tmp_path: Path,
) -> None:
    """The limit of a log without signatures: it must be stated, not hidden."""
    log = write_log(tmp_path)
    on_record(2, data__coverage__events=1)(log)
    verification = verify(log)
    assert verification.result == "PASS"
    assert "change a record and its checksum together" in render(verification)


def test_a_cut_that_also_removes_the_note_of_the_size_is_not_found(tmp_path: Path) -> None:
    """Truncation needs a memory outside the log; `writer.json` is inside."""
    log = write_log(tmp_path)
    on_frames(lambda p: p[:8])(log)
    forget_size(log)
    assert verify(log).result == "PASS"


def test_a_torn_tail_alone_is_unknown(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    (path,) = segment_paths(log)
    path.write_bytes(path.read_bytes() + encode_frame(b'{"actor":"x"}')[:-2])
    verification = verify(log)
    assert verification.result == "UNKNOWN"
    assert (exit_code(verification), exit_code(verification, strict=True)) == (4, 1)


def test_a_clean_log_passes_every_check(tmp_path: Path) -> None:
    verification = verify(write_log(tmp_path))
    assert set(verification.checks.values()) == {"PASS"}
    assert exit_code(verification) == 0
    assert document(verification) | {"origin": ""} == {
        "result": "PASS",
        "origin": "",
        "size": 9,
        "root": None,
        "findings": (),
        "checks": verification.checks,
        "notes": verification.notes,
    }
    assert json.loads(json.dumps(document(verification)))["findings"] == []


def test_findings_say_where(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    on_record(8, data__labels__rule="other")(log)
    verification = verify(log)
    (finding,) = verification.findings
    assert finding.where.startswith("record 8 (")
    assert exit_code(verification) == 1
    assert "id_mismatch at record 8" in render(verification)


def test_a_duplicate_is_named_with_its_twin(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    twin = edited(payloads(log)[8], {"seq": 9})
    on_frames(lambda p: [*p, twin])(log)
    (finding,) = verify(log).findings
    assert finding.code == "duplicate_id"
    assert finding.where.endswith("10. record")
    assert "9. record" in finding.detail


def test_an_epoch_that_does_not_name_the_one_before_is_found(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    (path,) = segment_paths(log)
    path.write_bytes(flip(path.read_bytes(), 400))
    write_log(tmp_path, [alert()], boot="boot-2")
    new = segment_paths(log)[-1]
    damage = {"frame_damaged", "genesis_missing", "gap_recorded"}
    assert {f.code for f in verify(log).findings} == damage
    whole = [p for p in payloads(log) if b'"bootid":"boot-2"' in p]
    cut = edited(whole[0], {"data.previous": None})
    header = new.read_bytes()[:46]
    new.write_bytes(header + b"".join(map(encode_frame, [cut, *whole[1:]])))
    assert {f.code for f in verify(log).findings} == damage | {"epoch_unlinked"}


def test_an_empty_directory_is_no_clean_log(tmp_path: Path) -> None:
    verification = verify(tmp_path)
    assert [f.code for f in verification.findings] == ["no_records"]
    assert verification.result == "FAIL"
    assert verification.origin is None


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotALog, match="no directory"):
        verify(tmp_path / "nothing")


def test_a_log_can_be_verified_from_its_private_part(tmp_path: Path) -> None:
    write_log(tmp_path)
    assert verify(tmp_path / "audit.state").size == 9


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    log = write_log(tmp_path, [judged(i) for i in range(600)])
    seen: list[tuple[int, int]] = []
    verify(log, progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == segment_paths(log)[0].stat().st_size


def test_many_findings_of_a_kind_are_counted_not_listed() -> None:
    findings = Findings()
    for i in range(150):
        findings.add("wrong_origin", f"record {i}", "it is of another log")
    verification = findings.conclude("o", 150)
    assert len(verification.findings) == 101
    assert verification.findings[-1].detail == "50 more of this kind"


def test_the_newest_epoch_is_the_log(tmp_path: Path) -> None:
    log = write_log(tmp_path, usual_items())
    assert verify(log).origin == records(log)[0]["source"]
