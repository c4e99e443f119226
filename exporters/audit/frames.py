r"""The bytes of a write-ahead log segment: a header, then one frame per record.

    segment = "AWAL1\n" | sha256(origin) (32) | u64be first seq | frame*
    frame   = u32be length | u32be crc32(payload) | payload

A frame is never empty and never longer than `MAX_RECORD`; so a run of zeros is not a frame.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from exporters.audit.types import MAX_RECORD

MAGIC = b"AWAL1\n"
HEADER_SIZE = len(MAGIC) + 32 + 8
_FRAME = struct.Struct(">II")
_FIRST_KEY = b'{"actor":'
"""How every canonical record begins: where to look for the next frame after a damaged one."""
_SEARCH = 1 << 20


class Good(NamedTuple):
    """A whole frame at `offset`."""

    offset: int
    payload: bytes


class Bad(NamedTuple):
    """Bytes `[offset, end)` that are no frame; `last` if no whole frame follows them."""

    offset: int
    end: int
    reason: str
    last: bool


class Header(NamedTuple):
    """What a segment says of itself."""

    origin_hash: bytes
    first: int


def encode_header(origin: str, first: int) -> bytes:
    """Return the header of a segment whose first record is number `first`."""
    return MAGIC + origin_hash(origin) + first.to_bytes(8, "big")


def decode_header(data: bytes) -> Header | None:
    """Return the header, or None if `data` is not one."""
    if len(data) < HEADER_SIZE or not data.startswith(MAGIC):
        return None
    start = len(MAGIC)
    return Header(data[start : start + 32], int.from_bytes(data[start + 32 : HEADER_SIZE], "big"))


def origin_hash(origin: str) -> bytes:
    """Return the SHA-256 of the origin."""
    return hashlib.sha256(origin.encode()).digest()


def encode_frame(payload: bytes) -> bytes:
    """Return the frame of one record."""
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def frame_size(payload: bytes) -> int:
    """Return how many bytes the frame of a record takes."""
    return _FRAME.size + len(payload)


def scan(file: BinaryIO, end: int, start: int = HEADER_SIZE) -> Iterator[Good | Bad]:
    """Yield what lies between offset `start`, where a frame begins, and `end`, without gaps.

    Memory is one frame, whatever the size.  Damaged bytes are skipped up to the next whole frame.
    """
    offset = start
    while offset < end:
        payload, reason = _read_frame(file, offset, end)
        if payload is not None:
            yield Good(offset, payload)
            offset += _FRAME.size + len(payload)
            continue
        following = _next_frame(file, offset + 1, end)
        yield Bad(offset, following or end, reason, following is None)
        offset = following or end


def _read_frame(file: BinaryIO, offset: int, end: int) -> tuple[bytes | None, str]:
    if end - offset < _FRAME.size:
        return None, "the frame's header is cut off"
    file.seek(offset)
    length, crc = _FRAME.unpack(file.read(_FRAME.size))
    if not 0 < length <= MAX_RECORD:
        return None, f"a length of {length} bytes is impossible"
    if offset + _FRAME.size + length > end:
        return None, f"{length} bytes announced, {end - offset - _FRAME.size} there"
    payload = file.read(length)
    if len(payload) != length or zlib.crc32(payload) != crc:
        return None, "the checksum does not match"
    return payload, ""


def _next_frame(file: BinaryIO, start: int, end: int) -> int | None:
    """Return the offset of the first whole frame at or after `start`."""
    position = start
    while position < end:
        file.seek(position)
        block = file.read(min(_SEARCH, end - position))
        found = block.find(_FIRST_KEY)
        while found >= 0:
            candidate = position + found - _FRAME.size
            if candidate >= start and _read_frame(file, candidate, end)[0] is not None:
                return candidate
            found = block.find(_FIRST_KEY, found + 1)
        if len(block) < _SEARCH:
            return None
        position += len(block) - len(_FIRST_KEY) + 1
    return None
