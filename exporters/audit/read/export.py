"""Taking records out of a published log: each row says where it is from and its leaf hash.

With the leaf hash and a proof any row can be held against the log later.  Rows come from entries
that agree with the signed tree only: a log that does not is not exported.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from exporters.audit.findings import Findings
from exporters.audit.format.merkle import ProofError, leaf_hash
from exporters.audit.read import files
from exporters.audit.read.epochs import find_epochs
from exporters.audit.read.source import Folder
from exporters.audit.read.tree import Advance, check_tree


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


def rows(directory: Path, advance: Advance) -> Iterator[Row]:
    """Yield the records of all epochs, oldest first, once their trees have been checked.

    Raises `SourceError`, and `ProofError` if the entries are not the ones that were signed.
    """
    findings = Findings()
    epochs = find_epochs(Folder(directory), findings)
    for epoch in epochs:
        tree = check_tree(epoch.source, epoch.checkpoint, (), findings, advance)
        if not tree.holds or tree.altered or tree.unread:
            raise ProofError(
                f"{epoch.place or directory} is damaged, so nothing is exported; `audit verify` "
                "says where"
            )
    if not epochs:
        raise ProofError(f"{directory} holds no published log")
    for epoch in epochs:
        for first, entries in files.entries(epoch.source, epoch.checkpoint.size):
            for index, entry in enumerate(entries or (), start=first):
                yield Row(epoch.origin, index, leaf_hash(entry).hex(), json.loads(entry))


def export(
    directory: Path, output: Path, write: Callable[[Iterator[Row], Path], int], advance: Advance
) -> Exported:
    """Write the rows with `write`, which returns how many it wrote; the file appears when whole.

    Raises what `rows` raises, and OSError.
    """
    newest = find_epochs(Folder(directory), Findings())[-1:]
    output = output.resolve()
    if output.exists() and not output.is_file():
        # A file put in the place of a device would take it away from everybody.
        raise FileExistsError(errno.EEXIST, "it is there, and no file: give another name", output)
    partial = output.with_name(f".{output.name}.part")
    try:
        count = write(rows(directory, advance), partial)
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    origin = newest[0].origin if newest else ""
    size = newest[0].checkpoint.size if newest else 0
    return Exported(origin, size, count, f"sha256:{digest}")


def record_of(made: Exported, form: str) -> dict[str, Any]:
    """Return the data of the `export.made` record."""
    return {
        "format": form,
        "first": 0,
        "size": made.size,
        "records": made.records,
        "digest": made.digest,
    }
