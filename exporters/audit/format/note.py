"""C2SP signed-note: a text with signatures, and the keys that verify them.

Ed25519 signatures (type 0x01) and timestamped Ed25519 cosignatures of checkpoints (type 0x04, C2SP
tlog-cosignature) are verified.  A signature of another type or an unknown key is ignored, as the
specification asks; a known key with a wrong signature refuses the whole note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_NOTE = 1_000_000
MAX_SIGNATURES = 100

_BLANK = re.compile(r"\s|\+")
_MARK = "— "


class NoteError(ValueError):
    """Bytes that are no signed note, or a text that is no key; the message says why."""


class WrongSignature(NoteError):
    """A signature that a known key did not make."""


class UnverifiedNote(NoteError):
    """A note that none of the known keys signed."""


class Vkey(NamedTuple):
    """A public key: its name, its 4-byte id, its signature type, its 32 bytes."""

    name: str
    key_id: bytes
    algorithm: int
    public: bytes

    def __str__(self) -> str:
        """Return `<name>+<id in hex>+<base64(type || key)>`."""
        key = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"


class Signature(NamedTuple):
    """One signature line: whose it says it is, and its bytes."""

    name: str
    key_id: bytes
    content: bytes


class Verified(NamedTuple):
    """A signature that holds; `time` (Unix seconds) is what a cosignature says of when."""

    key: Vkey
    time: int | None


class Note(NamedTuple):
    """An opened note: its text, the signatures that hold, those of keys that are not known."""

    text: str
    verified: tuple[Verified, ...]
    unknown: tuple[Signature, ...]


def vkey(name: str, public: bytes, algorithm: int = ED25519) -> Vkey:
    """Return the key; `str` of it is what is handed out. Raises NoteError for an unfit name."""
    if not _is_name(name) or len(public) != 32:
        raise NoteError(f"{name!r} with {len(public)} bytes is no key: see C2SP signed-note")
    content = bytes([algorithm]) + public
    key_id = hashlib.sha256(name.encode() + b"\n" + content).digest()[:4]
    return Vkey(name, key_id, algorithm, public)


def parse_vkey(text: str) -> Vkey:
    """Return the key that `<name>+<id>+<base64>` is; raises NoteError."""
    parts = text.strip().split("+", 2)
    try:
        name, key_id, content = parts[0], parts[1], base64.b64decode(parts[2], validate=True)
    except (IndexError, ValueError) as error:
        raise NoteError(f"{text[:80]!r} is no key of the form <name>+<id>+<base64>") from error
    if len(content) != 33 or content[0] not in (ED25519, COSIGNATURE):
        raise NoteError(f"the key of {name[:80]!r} is of a kind that is not known here")
    found = vkey(name, content[1:], content[0])
    if found.key_id.hex() != key_id:
        raise NoteError(f"the key of {name[:80]!r} does not belong to its id {key_id[:20]!r}")
    return found


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key."""
    return key.public_key().public_bytes_raw()


def sign(text: str, signers: Iterable[tuple[str, Ed25519PrivateKey]]) -> bytes:
    """Return the note: the text signed by each (name, key). Raises NoteError for an unfit text."""
    _check_text(text)
    lines = [_line(vkey(name, public_bytes(key)), key.sign(text.encode())) for name, key in signers]
    return f"{text}\n{''.join(lines)}".encode()


def cosign(text: str, name: str, key: Ed25519PrivateKey, time: int) -> bytes:
    """Return the line by which a witness says that it saw a checkpoint at `time` (Unix seconds)."""
    content = time.to_bytes(8, "big") + key.sign(_cosigned(text, time))
    return _line(vkey(name, public_bytes(key), COSIGNATURE), content).encode()


def split(content: bytes) -> tuple[str, tuple[Signature, ...]]:
    """Return a note's text and signatures, none of them verified; raises NoteError."""
    if len(content) > MAX_NOTE:
        raise NoteError(f"{len(content)} bytes are too long for a note")
    try:
        whole = content.decode()
    except UnicodeDecodeError as error:
        raise NoteError("the note is not UTF-8") from error
    end = whole.rfind("\n\n")
    text, lines = whole[: end + 1], whole[end + 2 :]
    if end < 0 or not lines.endswith("\n"):
        raise NoteError("the note has no signature after an empty line, or its last line is cut")
    _check_text(text)
    found = tuple(_signature(line) for line in lines[:-1].split("\n"))
    if len(found) > MAX_SIGNATURES:
        raise NoteError(f"{len(found)} signatures are too many")
    return text, found


def open(content: bytes, keys: Sequence[Vkey]) -> Note:  # noqa: A001 - as x/mod/sumdb/note has it
    """Return the note if one of `keys` signed it and no signature of theirs is wrong.

    Raises WrongSignature, UnverifiedNote, and NoteError if it is no note.
    """
    text, signatures = split(content)
    known = {(key.name, key.key_id): key for key in keys}
    verified: dict[Vkey, Verified] = {}
    unknown: list[Signature] = []
    for signature in signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            unknown.append(signature)
        elif key not in verified:
            verified[key] = Verified(key, _verify(text, signature, key))
    if not verified:
        who = ", ".join(sorted({f"{s.name}+{s.key_id.hex()}" for s in signatures}))
        raise UnverifiedNote(f"no known key signed it; signed by {who[:400]}")
    return Note(text, tuple(verified.values()), tuple(unknown))


def _verify(text: str, signature: Signature, key: Vkey) -> int | None:
    """Return the time that a cosignature says; raises WrongSignature."""
    content, time, message = signature.content, None, text.encode()
    if key.algorithm == COSIGNATURE:
        if len(content) != 72:
            raise WrongSignature(f"the cosignature of {key.name} has {len(content)} bytes")
        time = int.from_bytes(content[:8], "big")
        content, message = content[8:], _cosigned(text, time)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(content, message)
    except (InvalidSignature, ValueError) as error:
        raise WrongSignature(f"the signature of {key.name} is wrong") from error
    return time


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _line(key: Vkey, content: bytes) -> str:
    return f"{_MARK}{key.name} {base64.b64encode(key.key_id + content).decode()}\n"


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("a signature is not base64") from error
    # One signature must not have two spellings: bits beyond the last byte have to be zero.
    canonical = base64.b64encode(content).decode() == encoded
    if not line.startswith(_MARK) or not _is_name(name) or len(content) < 5 or not canonical:
        raise NoteError(f"{line[:80]!r} is no signature line")
    return Signature(name, content[:4], content[4:])


def _is_name(name: str) -> bool:
    return name != "" and _BLANK.search(name) is None and _is_printable(name)


def _is_printable(text: str) -> bool:
    return all(character >= " " for character in text)


def _check_text(text: str) -> None:
    if not text.endswith("\n") or not _is_printable(text.replace("\n", "")):
        raise NoteError("a note's text ends its last line and has no control characters")
