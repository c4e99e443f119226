"""Checks a proof file against a record, with or without the log's public key."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.audit.findings import Finding
from exporters.audit.format import checkpoint, merkle, note, proof
from exporters.audit.format.note import Vkey


def check_proof(content: bytes, record: bytes, keys: Sequence[Vkey]) -> Finding:
    """Return PASS, FAIL, or UNKNOWN where no key says whose the checkpoint is.

    A newline that an editor put behind the record is overlooked: no record ends with one.
    """
    try:
        given = proof.decode(content)
    except proof.Malformed as error:
        return Finding("proof_malformed", "FAIL", "proof", str(error))
    try:
        signed = given.checkpoint
        text = note.open(signed, keys).text if keys else note.split(signed)[0]
        said = checkpoint.parse(text)
    except note.UnverifiedNote as error:
        return Finding("key_unknown", "FAIL", "checkpoint", str(error))
    except (note.NoteError, checkpoint.CheckpointError) as error:
        return Finding("signature_invalid", "FAIL", "checkpoint", str(error))
    leaf = merkle.leaf_hash(record.removesuffix(b"\n"))
    try:
        merkle.verify_inclusion(leaf, given.index, said.size, given.hashes, said.root)
    except merkle.ProofError as error:
        return Finding("proof_invalid", "FAIL", f"record {given.index}", str(error))
    what = f"it is record {given.index} of the {said.size} of {said.origin}"
    if not keys:
        detail = f"{what}, if the checkpoint is theirs: give the log's public key (--key)"
        return Finding("no_key", "UNKNOWN", "checkpoint", detail)
    return Finding("", "PASS", f"record {given.index}", what)
