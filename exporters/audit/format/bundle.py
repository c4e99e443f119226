"""C2SP tlog-tiles entry bundles: each entry as its length (u16, big-endian) and its bytes."""

from __future__ import annotations

from collections.abc import Iterable

MAX_ENTRY = 65_535


class BundleError(ValueError):
    """Bytes that are no bundle of the wanted number of entries."""


def pack(entries: Iterable[bytes]) -> bytes:
    """Return the bundle of these entries; raises BundleError for one above 65,535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise BundleError(f"an entry has {len(entry)} bytes; at most {MAX_ENTRY} fit")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def unpack(data: bytes, count: int | None = None) -> list[bytes]:
    """Return the entries; raises BundleError if bytes are left over, missing, or not `count`."""
    entries: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > end or at > end:
            raise BundleError(f"entry {len(entries)} is cut off")
        entries.append(data[start:at])
    if count is not None and len(entries) != count:
        raise BundleError(f"{len(entries)} entries where {count} should be")
    return entries
