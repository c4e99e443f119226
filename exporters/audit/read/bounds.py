"""What a pull asks before it fetches anything large: whether the log can be the one that it is for.

Anybody can serve a checkpoint of any size, and bundles without end after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

from exporters.audit.format import note
from exporters.audit.format.checkpoint import Checkpoint
from exporters.audit.format.merkle import HASH_SIZE
from exporters.audit.format.note import NoteError, UnverifiedNote, Vkey
from exporters.audit.read.evidence import EvidenceError, from_note, signed_by
from exporters.audit.read.files import kept_path
from exporters.audit.read.source import Source, SourceError
from exporters.audit.read.taking import Refused, listed_sizes
from exporters.audit.room import spare

MOST_ASKED = 32
"""Kept checkpoints that are asked for, where none of the known keys signed the newest one."""
MOST_EPOCHS = 1_000
"""Epochs that are followed back: at one in 90 days those of 246 years."""
LEAST_RECORD = 300
"""Bytes. What CloudEvents and our extensions take is more than that in every record."""


def require_signer(
    source: Source,
    served: bytes,
    said: Checkpoint,
    known: Collection[Vkey],
    seen: int,
) -> None:
    """Require that a known key signed the newest checkpoint, or one kept since size `seen`.

    Who signs the newest may follow from a known key by a rotation: then that one has signed a
    checkpoint over it, which the log kept.  It is looked for in few requests.  Raises `Refused`,
    `SourceError`.
    """
    try:
        note.open(served, list(known))
        return
    except UnverifiedNote as error:
        why = error
    except NoteError as error:
        raise Refused("signature_invalid", "checkpoint", str(error)) from error
    listed = listed_sizes(source, said.size)
    since = sorted({size for size in (seen, *listed) if max(1, seen) <= size <= said.size})
    for size in islice(_spread(since), MOST_ASKED):
        content = source.read(kept_path(size))
        if content is not None and signed_by(content, known) and _is(content, said.origin, size):
            return
    detail = f"{why}, nor any checkpoint that the log kept; nothing more was fetched"
    raise Refused("key_unknown", "checkpoint", detail)


def require_room(said: Checkpoint, copy: Path, folders: Sequence[Path]) -> None:
    """Require that the records of a log can fit on the disk of the copy. Raises `SourceError`."""
    least, free = said.size * (LEAST_RECORD + HASH_SIZE), spare(copy)
    if least > free and least > free + sum(map(_bytes_in, folders)):
        text = (
            f"the log says that it has {said.size} records, which take at least {least} bytes; in "
            f"{copy.parent} there is room for {max(0, free)}, with some left for others"
        )
        raise SourceError(text)


def _is(content: bytes, origin: str, size: int) -> bool:
    try:
        found = from_note(content, "")
    except EvidenceError:
        return False
    return (found.origin, found.size) == (origin, size)


def _spread(sizes: Sequence[int]) -> Iterator[int]:
    """Yield the ends first, then the middle of what is between, and so on."""
    yield from sorted({*sizes[:1], *sizes[-1:]})
    spans = deque([(0, len(sizes) - 1)])
    while spans:
        low, high = spans.popleft()
        middle = (low + high) // 2
        if low < middle < high:
            yield sizes[middle]
            spans += ((low, middle), (middle, high))


def _bytes_in(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
