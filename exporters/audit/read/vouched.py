"""Whether a known key signed a checkpoint: asked before anything is concluded from it.

Whoever can write a file can write a checkpoint that contradicts a log.  It accuses nobody, and
proves nothing, unless the log's key signed it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from exporters.audit.findings import Findings
from exporters.audit.format import merkle, note
from exporters.audit.format.merkle import ProofError
from exporters.audit.format.note import Vkey
from exporters.audit.format.tiles import TileError
from exporters.audit.read.epochs import Epoch
from exporters.audit.read.keys import believed_keys, first_keys, known_keys
from exporters.audit.read.local import take_local
from exporters.audit.read.prove import subtrees
from exporters.audit.read.records import Told
from exporters.audit.read.trust import kept_signers


class Doubtful(Exception):
    """It cannot be known: a finding code, and the message says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


def keys_of(epoch: Epoch, given: Collection[Vkey]) -> list[Vkey]:
    """Return the keys that an epoch is taken to begin with: those given, else by its own word.

    Its own word is enough where no key is given, or only those of epochs after it.
    """
    own = [key for key in given if key.name == epoch.origin]
    log = epoch.origin.rpartition("/")[0]
    of_log = [key.name for key in given if key.name.rpartition("/")[0] == log]
    after = bool(of_log) and min(of_log) > epoch.origin
    return own if own or (given and not after) else first_keys(epoch, Told())


def require_signed(epoch: Epoch, start: Iterable[Vkey], notes: Iterable[tuple[str, bytes]]) -> None:
    """Require that `start`, or keys that follow from it by the epoch's records, signed each note.

    Notes come with where they are from.  Raises `Doubtful`; `SourceError`.
    """
    keys = list(start)
    for where, signed in notes:
        try:
            if not _signed(signed, keys):
                keys = sorted(_following(epoch, keys))
                note.open(signed, keys)
        except note.UnverifiedNote as error:
            detail = f"{where}: {error}; if the operator confirms the key, give it with --key"
            raise Doubtful("key_unknown", detail) from error
        except note.NoteError as error:
            raise Doubtful("signature_invalid", f"{where}: {error}") from error


def proven_root(epoch: Epoch, size: int) -> bytes:
    """Return the root over the first `size` records, proven from the tiles under the checkpoint.

    Raises `Doubtful` if the tiles are not those of the checkpoint, which proves nothing against it.
    """
    whole, read = epoch.checkpoint.size, subtrees(epoch.source, epoch.checkpoint.size)
    try:
        root = merkle.subtree_root(0, size, read)
        path = merkle.prove_consistency(size, whole, read)
        merkle.verify_consistency(size, whole, path, root, epoch.checkpoint.root)
    except TileError as error:
        raise Doubtful("tile_missing", f"{epoch.source.name}: {error}") from error
    except ProofError as error:
        detail = f"the tiles in {epoch.source.name} are not those of its checkpoint"
        raise Doubtful("tile_altered", detail) from error
    return root


def _signed(signed: bytes, keys: list[Vkey]) -> bool:
    try:
        return bool(note.open(signed, keys).verified)
    except note.UnverifiedNote:
        return False


def _following(epoch: Epoch, start: list[Vkey]) -> set[Vkey]:
    """Return the keys that follow from `start`; only these where the records cannot be read."""
    try:
        taken = take_local(epoch)
    except ProofError:
        return set(start)
    known = sorted({*known_keys(epoch, taken.told), *start})
    return believed_keys(taken.told, start, kept_signers(taken, known), Findings())
