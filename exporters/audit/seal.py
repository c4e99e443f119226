"""What contract C8 keeps out of a report, sealed into its records for whoever judges it again.

The withheld signals of a report are packed (only what the policy engine needs, compressed, padded)
and cut into one piece per record.  Each piece is encrypted by itself (AES-256-GCM, random nonce)
and bound to the log and to the record's id: it opens nowhere else.  What is sealed depends on the
report alone, so that a report that comes twice after a crash fits what is written already.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import zlib
from collections.abc import Sequence
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exporters.audit.jcs import canonical
from exporters.audit.types import SealData
from policies.model import Signal, SignalStatus, Subject

NONCE, TAG = 12, 16
PAD = 256
"""Lengths are rounded up to this many bytes, so that they tell less."""
MOST = 64 << 20
"""Bytes that a report's signals may take unpacked."""
FRAME = 140
"""Bytes that a seal takes in a record besides its base64 text."""


class SealBroken(Exception):
    """A seal that its key does not open, or that holds no signals: it is not what was written."""


class ReplayKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key of an epoch's seals, 32 bytes in base64."""

    epoch: str
    key: str

    @property
    def id(self) -> str:
        """The key's digest: it stands in each seal, so that no other key can be passed off."""
        return f"sha256:{hashlib.sha256(b'pantau.replay-key/1' + self.secret()).hexdigest()}"

    def secret(self) -> bytes:
        """Return the key itself."""
        return base64.b64decode(self.key)

    def __repr__(self) -> str:
        return f"ReplayKey(epoch={self.epoch})"


class _Row(msgspec.Struct, frozen=True, array_like=True):
    name: str
    subject: Subject
    value: float | None
    low: float | None
    high: float | None
    status: SignalStatus
    reason: str | None


def new_key(epoch: str) -> ReplayKey:
    """Return a new key."""
    return ReplayKey(epoch=epoch, key=base64.b64encode(AESGCM.generate_key(256)).decode())


def pack(signals: Sequence[Signal]) -> bytes:
    """Return the signals as bytes to be sealed; equal signals give equal bytes."""
    rows = [_Row(s.name, s.subject, s.value, s.low, s.high, s.status, s.reason) for s in signals]
    packed = zlib.compress(msgspec.json.encode(rows))
    return packed + bytes(-len(packed) % PAD)


def unpack(packed: bytes) -> list[Signal]:
    """Return the signals that were packed. Raises `SealBroken`."""
    unzip = zlib.decompressobj()
    try:
        text = unzip.decompress(packed, MOST)
        rows = msgspec.json.decode(text, type=list[_Row])
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SealBroken("what it holds are no signals") from error
    if not unzip.eof:
        raise SealBroken("what it holds is not whole")
    return [_signal(row) for row in rows]


def piece_size(room: int) -> int:
    """Return how many bytes can be sealed where `room` bytes of a record are free; 0 if none."""
    return max(0, (room - FRAME) // 4 * 3 - NONCE - TAG)


def seal(key: ReplayKey, log: str, record_id: str, piece: bytes) -> SealData:
    """Encrypt a piece for one record of one log: `log` is its origin without the epoch."""
    nonce = secrets.token_bytes(NONCE)
    box = nonce + AESGCM(key.secret()).encrypt(nonce, piece, _bound_to(log, record_id))
    return SealData(key=key.id, box=base64.b64encode(box).decode())


def unseal(key: ReplayKey, log: str, record_id: str, sealed: SealData) -> bytes:
    """Return the piece that was sealed for this record. Raises `SealBroken`."""
    try:
        box = base64.b64decode(sealed.box, validate=True)
        return AESGCM(key.secret()).decrypt(box[:NONCE], box[NONCE:], _bound_to(log, record_id))
    except (InvalidTag, ValueError) as error:
        raise SealBroken("its key does not open it here: altered, or of another record") from error


def log_of(origin: str) -> str:
    """Return the part of an origin that all epochs of a log share.

    A record that had to be written again in a later epoch keeps its seal.
    """
    return origin.rpartition("/")[0]


def _bound_to(log: str, record_id: str) -> bytes:
    kind: Literal["pantau.seal/1"] = "pantau.seal/1"
    return canonical([kind, log, record_id])


def _signal(row: _Row) -> Signal:
    return Signal(
        name=row.name,
        subject=row.subject,
        value=row.value,
        low=row.low,
        high=row.high,
        method="",
        n=None,
        status=row.status,
        reason=row.reason,
    )
