"""C2SP tlog-proof: one entry's evidence in a file, to be checked without the log.

c2sp.org/tlog-proof@v1
[extra <base64>]
index <n>
<base64 of each hash of the inclusion proof, the leaf's sibling first>

<the signed checkpoint, verbatim>
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from exporters.audit.format import checkpoint, merkle, note

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF = note.MAX_NOTE + 64 * 1024
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class Malformed(ValueError):
    """Bytes that are no proof file; the message says why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Entry `index` is in the tree of the signed `checkpoint`, by the path `hashes`."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


def encode(proof: Proof) -> bytes:
    """Return the proof file."""
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(f"extra {base64.b64encode(proof.extra).decode()}")
    lines.append(f"index {proof.index}")
    lines += (base64.b64encode(h).decode() for h in proof.hashes)
    return "\n".join([*lines, "", ""]).encode() + proof.checkpoint


def decode(content: bytes) -> Proof:
    """Return what a proof file says, nothing of it verified; raises Malformed."""
    head, mark, signed = content.partition(b"\n\n")
    if len(content) > MAX_PROOF or not mark or not signed:
        raise Malformed("it has no checkpoint after an empty line, or is too long")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("its first part is not ASCII") from error
    if lines.pop(0) != HEADER:
        raise Malformed(f"its first line is not {HEADER}")
    extra = _extra(lines.pop(0)) if lines and lines[0].startswith("extra ") else None
    found = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if found is None:
        raise Malformed("it does not say which entry it is for")
    try:
        hashes = tuple(checkpoint.decode_hash(line) for line in lines)
    except checkpoint.CheckpointError as error:
        raise Malformed(str(error)) from error
    return Proof(int(found[1]), hashes, signed, extra)


def verify(proof: Proof, entry: bytes, keys: Sequence[note.Vkey]) -> checkpoint.Checkpoint:
    """Return the checkpoint that one of `keys` signed and whose tree holds `entry`.

    Raises `note.NoteError`, `checkpoint.CheckpointError` or `merkle.ProofError`.
    """
    signed = checkpoint.parse(note.open(proof.checkpoint, keys).text)
    leaf = merkle.leaf_hash(entry)
    merkle.verify_inclusion(leaf, proof.index, signed.size, proof.hashes, signed.root)
    return signed


def _extra(line: str) -> bytes:
    try:
        return base64.b64decode(line.removeprefix("extra "), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("its extra line is not base64") from error
