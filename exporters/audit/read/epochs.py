"""The epochs of a published log: the newest at its top, those before it under `epochs/`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporters.audit import types
from exporters.audit.findings import Findings
from exporters.audit.format import bundle, checkpoint, note
from exporters.audit.format.checkpoint import Checkpoint
from exporters.audit.format.note import Vkey
from exporters.audit.read.files import entry, folder_of
from exporters.audit.read.source import Part, Source

EPOCHS = "epochs"


@dataclass(slots=True)
class Epoch:
    """One epoch: where its files are, its newest signed checkpoint, its first record.

    `place` goes before places in findings; empty for the newest.
    """

    place: str
    source: Source
    signed: bytes
    checkpoint: Checkpoint
    genesis: types.GenesisData | None

    @property
    def origin(self) -> str:
        """The log's name in this epoch."""
        return self.checkpoint.origin

    def declared_keys(self) -> list[Vkey]:
        """Return the keys that the first record names; whose word that is, is another question."""
        return [] if self.genesis is None else list(_readable(self.genesis))


def find_epochs(source: Source, findings: Findings) -> list[Epoch]:
    """Return the epochs that can be read, oldest first; say which cannot. Raises `SourceError`."""
    epochs = []
    for name in older(source):
        place = f"{EPOCHS}/{name}/"
        found = _epoch(Part(source, place), place, findings)
        if found is not None:
            epochs.append(found)
    newest = newest_epoch(source, findings)
    return epochs if newest is None else [*epochs, newest]


def newest_epoch(source: Source, findings: Findings) -> Epoch | None:
    """Return the newest epoch, None and a finding if it cannot be read. Raises `SourceError`."""
    return _epoch(source, "", findings)


def older(source: Source) -> list[str]:
    """Return the names of the epochs before the newest in a folder, oldest first."""
    folder = folder_of(source)
    parent = None if folder is None else folder / EPOCHS
    if parent is None or not parent.is_dir():
        return []
    folders = (f for f in parent.iterdir() if f.is_dir() and not f.is_symlink())
    return sorted(f.name for f in folders if f.name.isalnum())


def previous(source: Source) -> str | None:
    """Return the name of the epoch that came before the one in `source`, by its first record."""
    found = _epoch(source, "", Findings())
    if found is None or found.genesis is None or found.genesis.previous is None:
        return None
    name = found.genesis.previous.origin.rpartition("/")[2]
    return name if name.isalnum() else None


def _epoch(source: Source, place: str, findings: Findings) -> Epoch | None:
    signed = source.read("checkpoint")
    where = f"{place}checkpoint"
    if signed is None:
        findings.add("checkpoint_missing", where, f"there is none in {source.name}")
        return None
    try:
        said = checkpoint.parse(note.split(signed)[0])
    except (note.NoteError, checkpoint.CheckpointError) as error:
        findings.add("checkpoint_malformed", where, str(error))
        return None
    return Epoch(place, source, signed, said, _genesis(source, said))


def _genesis(source: Source, said: Checkpoint) -> types.GenesisData | None:
    if said.size == 0:
        return None
    try:
        first = entry(source, 0, said.size)
        _, data = types.read(first or b"")
    except (bundle.BundleError, types.SchemaError):
        return None
    return data if isinstance(data, types.GenesisData) else None


def _readable(genesis: types.GenesisData) -> Iterator[Vkey]:
    for text in getattr(genesis, "vkeys", ()):
        try:
            yield note.parse_vkey(text)
        except note.NoteError:
            continue
