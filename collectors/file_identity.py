"""Is a file still the one that was read before?  Its name does not tell: files are rotated."""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum, auto
from typing import NamedTuple

from collectors.file_bytes import FileBytes

HEAD_BYTES = 4_096
"""How much of a file's beginning tells it from others."""


class Sameness(Enum):
    """What became of a file since it was read: `CUT` is the same one, with less in it."""

    SAME = auto()
    REPLACED = auto()
    CUT = auto()


class _Identity(NamedTuple):
    """`head` is the keyed digest of the first `length` bytes, `size` what the file had at least."""

    length: int
    head: str
    size: int


def identity_of(file: FileBytes, key: bytes) -> str:
    """Return a text by which `sameness` knows the file again, however much it grows.

    It holds a keyed digest of the file's beginning (of a .gz, of what was compressed) and how far
    it was read, and nothing of the content.
    """
    head = file.head(HEAD_BYTES)
    return f"{len(head)}:{_digest(head, key)}:{file.read_to()}"


def sameness(file: FileBytes, key: bytes, identity: str) -> Sameness:
    """Compare a file with the identity of what was read before; an unknown text is the same."""
    known = _parsed(identity)
    if known is None:
        return Sameness.SAME
    head = file.head(known.length)
    if len(head) < known.length or not hmac.compare_digest(_digest(head, key), known.head):
        return Sameness.REPLACED
    return Sameness.CUT if file.size() < known.size else Sameness.SAME


def _digest(head: bytes, key: bytes) -> str:
    return hashlib.blake2b(head, key=key, digest_size=16).hexdigest()


def _parsed(identity: str) -> _Identity | None:
    try:
        length, head, size = identity.split(":")
        return _Identity(int(length), head, int(size))
    except ValueError:
        return None
