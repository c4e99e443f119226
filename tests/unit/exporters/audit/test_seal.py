"""What is sealed opens for its key, in its record, and nowhere else."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.audit import retention, types, vault
from exporters.audit import seal as seals
from exporters.audit.place import locate
from exporters.audit.read.evidence import Evidence
from exporters.audit.read.unseal import read_keys
from exporters.audit.read.verify import verify_published
from exporters.audit.record import Draft, drafts
from exporters.audit.seal import SealBroken, new_key, pack, seal, unpack, unseal
from exporters.audit.writer import _shortened
from exporters.base import Numbered
from policies.model import Report, Signal, measured
from tests.unit.exporters.audit.logs import NOTHING, names, number, records, writer
from tests.unit.exporters.samples import report

LOG, RECORD = "bank/loans", "0123456789abcdef0123456789abcdef"
numbers = st.floats(allow_nan=False, allow_infinity=False)


def hidden(value: float, group: str = "f") -> Signal:
    """Return a signal as a report withholds it."""
    subject = {"attribute": "sex", "group": group, "against": "m"}
    found = measured("fairness.gap", subject, value, value, value, n=1, method="")
    return msgspec.structs.replace(found, n=None)


def with_withheld(count: int) -> Report:
    """Return a report that withholds so many signals, which hardly compress."""
    withheld = tuple(hidden(1 / (i + 3), f"group {i:04d}") for i in range(count))
    return msgspec.structs.replace(report(), withheld=withheld)


@given(st.lists(st.tuples(numbers, st.text(max_size=20)), max_size=20))
def test_what_was_packed_is_unpacked_to_the_bit(values: list[tuple[float, str]]) -> None:
    signals = [hidden(value, group) for value, group in values if group.isprintable()]
    packed = pack(signals)
    assert unpack(packed) == signals
    assert pack(signals) == packed
    assert len(packed) % seals.PAD == 0


def test_a_seal_opens_in_its_own_record_of_its_own_log_alone() -> None:
    key, other = new_key("A"), new_key("A")
    sealed = seal(key, LOG, RECORD, b"x" * 256)
    assert unseal(key, LOG, RECORD, sealed) == b"x" * 256
    for place in ((other, LOG, RECORD), (key, "bank/cards", RECORD), (key, LOG, RECORD[::-1])):
        with pytest.raises(SealBroken):
            unseal(*place, sealed)
    with pytest.raises(SealBroken):
        unseal(key, LOG, RECORD, msgspec.structs.replace(sealed, box="A" * 80))
    assert key.id != other.id
    assert key.key not in repr(key)


@pytest.mark.parametrize("content", [b"", b"x" * 256, zlib.compress(b"[1]"), pack([])[:5]])
def test_what_holds_no_signals_is_broken(content: bytes) -> None:
    with pytest.raises(SealBroken):
        unpack(content)


def test_more_than_memory_should_hold_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST", 1_000)
    with pytest.raises(SealBroken):
        unpack(zlib.compress(b"[" + b" " * 10_000 + b"]"))


def test_each_part_is_sealed_by_itself_so_that_parts_of_two_deliveries_fit(tmp_path: Path) -> None:
    """A crash can leave the first part of a delivery, to which the second delivery adds."""
    large = with_withheld(6_000)
    first, second = windows(tmp_path / "a", large), windows(tmp_path / "b", large)
    assert sum("sealed" in document["data"] for document in first) > 2
    assert [d["id"] for d in first] == [d["id"] for d in second]
    assert {d["data"]["part"]["of"] for d in first} == {len(first)}
    keys = {**read_keys(tmp_path / "a/audit.state"), **read_keys(tmp_path / "b/audit.state")}
    pieces = []
    for document in [*first[:2], *second[2:]]:
        if "sealed" not in document["data"]:
            continue
        data = msgspec.convert(document["data"]["sealed"], types.SealData)
        log = seals.log_of(document["source"])
        pieces.append(unseal(keys[data.key], log, document["id"], data))
    assert unpack(b"".join(pieces)) == list(large.withheld)


def windows(base: Path, item: Report) -> list[dict[str, Any]]:
    """Write a report; return its window's records."""
    base.mkdir()
    exporter = writer(base)
    exporter.start(NOTHING)
    exporter.export(number([item]))
    exporter.stop(5.0)
    assert verify_published(base / "audit", Evidence()).checks["windows"] == "PASS"
    return [r for r in records(base / "audit") if ".window.signals." in r["type"]]


def test_no_record_is_too_large_whatever_is_sealed() -> None:
    for count in range(0, 3_000, 271):
        for draft in drafts(with_withheld(count)):
            size = 0 if draft.secret is None else len(draft.secret)
            assert (size + seals.NONCE + seals.TAG) * 4 / 3 < types.MAX_RECORD - 4_000


def test_a_report_that_comes_again_is_written_once_and_keeps_its_key(tmp_path: Path) -> None:
    for boot in ("boot-1", "boot-2"):
        exporter = writer(tmp_path, boot=boot)
        exporter.start(NOTHING)
        exporter.export(number([with_withheld(3)]))
        exporter.stop(5.0)
    assert names(tmp_path / "audit").count("window.signals") == 1
    assert len(read_keys(tmp_path / "audit.state")) == 1


def test_every_epoch_has_a_key_of_its_own_which_goes_with_it(tmp_path: Path) -> None:
    state = tmp_path / "audit.state"
    old, new = vault.replay_key(state, "01A"), vault.replay_key(state, "01B")
    assert old.id != new.id
    assert vault.replay_key(state, "01A") == old
    for path in (state / "vault" / "replay").rglob("*"):
        assert path.is_dir() or path.stat().st_mode & 0o077 == 0
    retention.delete(locate(tmp_path / "audit"), "01A")
    assert vault.replay_keys(state) == [new]


def test_a_key_that_was_destroyed_seals_nothing_more(tmp_path: Path) -> None:
    state = tmp_path / "audit.state"
    exporter = writer(tmp_path)
    exporter.start(NOTHING)
    exporter.export(number([with_withheld(3)]))
    (before,) = vault.replay_keys(state)
    vault.destroy(state, tmp_path / "audit", vault.replay_targets(state))
    exporter.export([Numbered(2, moved())])
    exporter.stop(5.0)
    (after,) = vault.replay_keys(state)
    data = [record["data"] for record in records(tmp_path / "audit")]
    sealed = [one["sealed"]["key"] for one in data if "sealed" in one]
    assert sealed == [before.id, after.id]
    with pytest.raises(vault.NotInVault):
        vault.replay_targets(state, before.epoch[::-1])


def moved() -> Report:
    """Return the report of the next window."""
    return msgspec.structs.replace(with_withheld(3), window=report(index=1).window)


def test_a_file_that_holds_no_key_is_passed_over(tmp_path: Path) -> None:
    key = vault.replay_key(tmp_path, "01A")
    folder = tmp_path / "vault" / "replay" / "01A"
    (folder / "0").write_bytes(b"no key")
    (folder / "1").write_bytes((folder / key.id[7:]).read_bytes())
    assert vault.replay_keys(tmp_path) == [key]


def test_a_window_that_is_shortened_for_want_of_room_seals_nothing() -> None:
    (draft,) = [d for d in drafts(with_withheld(3)) if d.secret]
    short: Draft = _shortened(draft)
    assert (short.secret, short.data["signals"]) == (None, [])
