"""Asks witnesses to cosign checkpoints (C2SP tlog-witness, tlog-cosignature v1).

A witness remembers the largest tree that it saw of a log and signs only what continues it.  Its
signature on a checkpoint therefore shows, to whoever trusts the witness, that nobody was shown
another version of the log.  Whatever a witness answers but a signature that holds counts as none:
the log is published all the same, and an auditor's policy decides what is enough.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence

import httpx

from exporters.audit.believed import Believed
from exporters.audit.format import checkpoint, merkle, note, tiles
from exporters.audit.tree_files import TreeDamaged, TreeFiles
from exporters.bounded_http import FAILURES, Answer, BoundedClient
from exporters.log import RateLimited, clean_text, get_logger

TIMEOUT_SECONDS = 2.0
MAX_ANSWER = 16_384
_CONFLICT = 409
_SIZE_TYPE = "text/x.tlog.size"

_log = RateLimited(get_logger(__name__))

Count = Callable[[str, str], None]
"""Called with the witness's name and the outcome: `cosigned`, `refused`, `unreachable`, ..."""


class Witness:
    """One witness: its address and key, and the size of the log that it knows."""

    def __init__(self, url: str, vkey: str) -> None:
        """Raises `note.NoteError` for a key that is not one of a cosigner."""
        self.key = note.parse_vkey(vkey)
        if self.key.algorithm != note.COSIGNATURE:
            raise note.NoteError(f"the key of {self.key.name} is not that of a witness (type 0x04)")
        self.url = url.rstrip("/")
        self.known = 0

    @property
    def name(self) -> str:
        """The witness's name, as its key has it."""
        return self.key.name


class Witnesses:
    """Asks each witness in turn, at most `TIMEOUT_SECONDS` each; one size after the other."""

    def __init__(
        self,
        witnesses: Sequence[Witness],
        files: TreeFiles,
        count: Count,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._witnesses, self._files, self._count = list(witnesses), files, count
        self._transport = transport

    def cosign(self, content: bytes) -> bytes:
        """Return the checkpoint with the cosignatures that were given; never raises."""
        if not self._witnesses:
            return content
        said = checkpoint.parse(note.split(content)[0])
        with self._client() as client:
            lines = [self._ask(client, witness, content, said.size) for witness in self._witnesses]
        return content + b"".join(lines)

    def ahead(self, content: bytes, keys: Sequence[str], believed: Believed) -> str | None:
        """Show the checkpoint that was published last: does a witness know of a longer log?

        Then this one is an older copy, and must not be signed again.  Return what to say of it.
        What proves it is a checkpoint that one of the log's `keys` and the witness signed.  A
        witness that only says so is `believed` once.  Raises OSError.
        """
        if not self._witnesses:
            return None
        said = checkpoint.parse(note.split(content)[0])
        with self._client() as client:
            for witness in self._witnesses:
                answer = self._send(client, witness, content, said.size, said.size)
                known = None if answer is None else _size(answer)
                if known is not None and known > said.size:
                    proven = self._proven(client, witness, said.origin, keys)
                    if _is_behind(said, witness, proven, believed):
                        return (
                            f"witness {witness.name} has seen {proven or known} records of this "
                            f"log, which has {said.size}: it is an older copy"
                        )
                    _log.log(
                        "error",
                        "audit_witness_claims_more",
                        key=f"claims {witness.name}",
                        witness=witness.name,
                        size=known,
                    )
                elif known is not None or (answer is not None and answer.status == httpx.codes.OK):
                    witness.known = said.size if known is None else known
        return None

    def _proven(
        self, client: BoundedClient, witness: Witness, origin: str, keys: Sequence[str]
    ) -> int | None:
        """Return the size of the newest checkpoint that the witness shows, None if it shows none.

        One that is not signed by the witness and by the log proves nothing.
        """
        place = hashlib.sha256(origin.encode()).hexdigest()
        try:
            answer = client.ask(
                "GET",
                f"{witness.url}/{place}/checkpoint",
                seconds=TIMEOUT_SECONDS,
                most=MAX_ANSWER,
            )
            opened = note.open(answer.body, [witness.key, *map(note.parse_vkey, keys)])
            shown = checkpoint.parse(note.split(answer.body)[0])
        except FAILURES:
            return None
        signers = {signature.key for signature in opened.verified}
        both = witness.key in signers and len(signers) > 1
        return shown.size if both and shown.origin == origin else None

    def _ask(self, client: BoundedClient, witness: Witness, content: bytes, size: int) -> bytes:
        """Return the cosignature line of one witness, nothing if it gives none."""
        answer = self._send(client, witness, content, witness.known, size)
        known = None if answer is None else _size(answer)
        if known is not None and known <= size and known != witness.known:
            witness.known = known
            answer = self._send(client, witness, content, known, size)
        if answer is None:
            outcome, line = "unreachable", b""
        elif answer.status != httpx.codes.OK:
            outcome, line = "refused", b""
        else:
            line = _verified(content, answer.body, witness.key)
            outcome = "cosigned" if line else "bad_signature"
        if line:
            witness.known = size
        else:
            _log.log(
                "warning",
                "audit_witness_gave_nothing",
                key=witness.name,
                witness=witness.name,
                outcome=outcome,
                status=None if answer is None else answer.status,
            )
        self._count(witness.name, outcome)
        return line

    def _send(
        self, client: BoundedClient, witness: Witness, content: bytes, old: int, size: int
    ) -> Answer | None:
        try:
            body = _request(old, self._proof(old, size), content)
            return client.ask(
                "POST",
                f"{witness.url}/add-checkpoint",
                content=body,
                seconds=TIMEOUT_SECONDS,
                most=MAX_ANSWER,
                wanted=(httpx.codes.OK, _CONFLICT),
            )
        except (*FAILURES, TreeDamaged) as error:
            _log.log(
                "warning",
                "audit_witness_failed",
                key=f"failed {witness.name}",
                witness=witness.name,
                problem=clean_text(f"{type(error).__name__}: {error}"),
            )
            return None

    def _proof(self, old: int, size: int) -> list[bytes]:
        if old in (0, size):
            return []
        return merkle.prove_consistency(old, size, tiles.subtree_reader(size, self._files.tile))

    def _client(self) -> BoundedClient:
        return BoundedClient(transport=self._transport)


def _is_behind(
    said: checkpoint.Checkpoint, witness: Witness, proven: int | None, believed: Believed
) -> bool:
    """Tell whether what a witness says makes a log an older copy of itself."""
    if proven is not None:
        return proven > said.size
    return believed.once(str(witness.key), said.origin)


def _request(old: int, proof: Sequence[bytes], content: bytes) -> bytes:
    lines = [f"old {old}", *(base64.b64encode(h).decode() for h in proof), "", ""]
    return "\n".join(lines).encode() + content


def _size(answer: Answer) -> int | None:
    """Return the size that a witness says it knows, None if it says nothing of the kind."""
    text = answer.body.strip()
    if answer.status == _CONFLICT and answer.kind == _SIZE_TYPE and text.isdigit():
        return int(text[:19])
    return None


def _verified(content: bytes, body: bytes, key: note.Vkey) -> bytes:
    """Return the witness's own line of an answer, if its signature holds; nothing otherwise."""
    try:
        opened = note.open(content + body, [key])
        mine = [s for s in note.split(content + body)[1] if (s.name, s.key_id) == key[:2]]
    except note.NoteError:
        return b""
    if not opened.verified or len(mine) != 1:
        return b""
    encoded = base64.b64encode(mine[0].key_id + mine[0].content).decode()
    return f"— {key.name} {encoded}\n".encode()
