"""Taking records out of a published log: each row says where it is from and its leaf hash.

With the leaf hash and a proof any row can be held against the log later.  Rows come from records
that can be read, of trees that keys which are believed have signed: any other log is not exported.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from exporters.audit.format.merkle import ProofError, leaf_hash
from exporters.audit.format.note import Vkey
from exporters.audit.read import files
from exporters.audit.read.epochs import Epoch
from exporters.audit.read.local import Advance, believed_epochs


@dataclass(frozen=True, slots=True)
class Row:
    """A record, and where it stands."""

    origin: str
    index: int
    leaf: str
    record: dict[str, Any]


class Exported(NamedTuple):
    """What was written: of which log, how much, and the digest of the file."""

    origin: str
    size: int
    records: int
    digest: str


def rows(directory: Path, advance: Advance, keys: Collection[Vkey] = ()) -> Iterator[Row]:
    """Yield the records of all epochs, oldest first, once all of them have been checked.

    Belief goes from `keys`; without any the log's own word is taken.  Raises `SourceError`, and
    `ProofError` for a log that is damaged or not signed by keys that are believed.
    """
    for epoch in _checked(directory, advance, keys):
        yield from _rows(epoch)


def export(
    directory: Path,
    output: Path,
    write: Callable[[Iterator[Row], Path], int],
    advance: Advance,
    keys: Collection[Vkey] = (),
) -> Exported:
    """Write the rows with `write`, which returns how many it wrote; the file appears when whole.

    Raises what `rows` raises, and OSError.
    """
    output = output.resolve()
    if output.exists() and not output.is_file():
        # A file put in the place of a device would take it away from everybody.
        raise FileExistsError(errno.EEXIST, "it is there, and no file: give another name", output)
    epochs = _checked(directory, advance, keys)
    partial = output.with_name(f".{output.name}.part")
    try:
        count = write((row for epoch in epochs for row in _rows(epoch)), partial)
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    newest = epochs[-1]
    return Exported(newest.origin, newest.checkpoint.size, count, f"sha256:{digest}")


def _checked(directory: Path, advance: Advance, keys: Collection[Vkey]) -> list[Epoch]:
    try:
        return believed_epochs(directory, keys, advance)
    except ProofError as error:
        said = "so nothing is exported; `pantau audit verify` says more"
        raise ProofError(f"{error}, {said}") from error


def _rows(epoch: Epoch) -> Iterator[Row]:
    for first, entries in files.entries(epoch.source, epoch.checkpoint.size):
        if entries is None:
            raise ProofError(f"{epoch.source.name} was changed while it was exported")
        for index, entry in enumerate(entries, start=first):
            yield Row(epoch.origin, index, leaf_hash(entry).hex(), json.loads(entry))


def record_of(made: Exported, form: str) -> dict[str, Any]:
    """Return the data of the `export.made` record."""
    return {
        "format": form,
        "first": 0,
        "size": made.size,
        "records": made.records,
        "digest": made.digest,
    }
