"""C2SP tlog-checkpoint: the text of a signed note that says how long a log is, and its root."""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from exporters.audit.format.merkle import HASH_SIZE

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class CheckpointError(ValueError):
    """A text that is no checkpoint; the message says why."""


class Checkpoint(NamedTuple):
    """The log `origin` had `size` entries and this root. `extensions` are further lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def text(origin: str, size: int, root: bytes) -> str:
    """Return the text to sign; raises ValueError for an origin, size or root that cannot be."""
    if not origin or "\n" in origin or size < 0 or len(root) != HASH_SIZE:
        raise ValueError(f"no checkpoint can say {origin!r}, {size}, {len(root)} bytes of root")
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def parse(content: str) -> Checkpoint:
    """Return what the text of a note says; raises CheckpointError unless it is a checkpoint."""
    if not content.endswith("\n"):
        raise CheckpointError("the last line does not end")
    lines = content[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise CheckpointError("origin, size and root must stand in the first three lines")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size):
        raise CheckpointError(f"{size[:40]!r} is not a size")
    return Checkpoint(origin, int(size), decode_hash(root), tuple(lines[3:]))


def decode_hash(line: str) -> bytes:
    """Return the 32 bytes of a base64 line; raises CheckpointError unless it is exactly that."""
    try:
        value = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointError(f"{line[:60]!r} is not base64") from error
    # Two texts must not decode to one hash: bits beyond the last byte have to be zero.
    if len(value) != HASH_SIZE or base64.b64encode(value).decode() != line:
        raise CheckpointError(f"{line[:60]!r} is not a hash of 32 bytes")
    return value
