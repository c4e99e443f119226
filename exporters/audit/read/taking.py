"""Fetches one epoch of a served log into a folder of its own, and checks it there.

Nothing here touches the copy: what the tree of the epoch's checkpoint covers is put into the first
of some folders, unless it is in one of them already.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from exporters.audit import types
from exporters.audit.findings import Finding
from exporters.audit.format import bundle, checkpoint, merkle, note, tiles
from exporters.audit.format.checkpoint import Checkpoint, CheckpointError
from exporters.audit.format.note import Vkey
from exporters.audit.format.tiles import WIDTH, Tile
from exporters.audit.read.epochs import Epoch
from exporters.audit.read.files import folder_of, kept_path, kept_sizes, read_tile
from exporters.audit.read.records import Told
from exporters.audit.read.source import Folder, Part, Source, SourceError
from exporters.audit.room import spare

Advance = Callable[[int], None]
LISTING = "checkpoints/"
"""Where our server lists the sizes of the checkpoints that it keeps, one in a line."""
PART = ".part"
_BLOB = re.compile(rb'"(?:blob|note)":"sha256:([0-9a-f]{64})"')
_OF_LOG = b'"io.pantau.audit.log.'


class Refused(Exception):
    """The server's log is not taken over."""

    def __init__(self, code: str, where: str, detail: str) -> None:
        super().__init__(detail)
        self.finding = Finding(code, "FAIL", where, detail)


@dataclass(slots=True)
class Taken:
    """An epoch that agrees with its checkpoint; what of it is new lies in the first folder.

    `roots` has the tree's root at the sizes of kept checkpoints, `told` what records say of keys,
    `paths` the files that the tree covers.
    """

    epoch: Epoch
    folders: Sequence[Path]
    listed: list[int] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    blobs: set[str] = field(default_factory=set)
    paths: list[str] = field(default_factory=list)

    @property
    def new(self) -> Path:
        """Where what is new lies."""
        return self.folders[0]

    def kept(self, size: int) -> bytes | None:
        """Return the checkpoint that was kept of a size, if it is here and of this tree."""
        for folder in self.folders:
            content = Folder(folder).read(kept_path(size))
            if content is not None and self.fits(content, size):
                return content
        return None

    def fits(self, content: bytes, size: int) -> bool:
        """Tell whether a checkpoint is what the tree was at a size; not whether it is signed."""
        try:
            said = checkpoint.parse(note.split(content)[0])
        except (note.NoteError, CheckpointError):
            return False
        return said[:3] == (self.epoch.origin, size, self.roots.get(size))


def take(
    source: Source,
    place: str,
    signed: bytes,
    folders: Sequence[Path],
    seen: Mapping[int, bytes],
    advance: Advance,
) -> Taken:
    """Fetch the epoch whose checkpoint is `signed` and check it; `seen` are roots it had before.

    Raises `Refused` if the entries are not what was signed, or seen; `SourceError`.
    """
    said = read_checkpoint(signed, f"{source.name}/checkpoint")
    listed = listed_sizes(source, said.size)
    new = folders[0]
    try:
        try:
            taken = _Walk(source, place, signed, said, folders, seen, listed).run(advance)
        except Refused:
            # What is wrong may be what was copied before.
            shutil.rmtree(new, ignore_errors=True)
            alone = [new]
            taken = _Walk(source, place, signed, said, alone, seen, listed).run(lambda count: None)
            taken.folders = folders
    except Refused:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return taken


def read_checkpoint(content: bytes, where: str) -> Checkpoint:
    """Return what a signed checkpoint says. Raises `Refused`."""
    try:
        return checkpoint.parse(note.split(content)[0])
    except (note.NoteError, CheckpointError) as error:
        raise Refused("checkpoint_malformed", where, str(error)) from error


def take_blobs(source: Source, into: Path, copy: Path, names: set[str]) -> None:
    """Fetch the texts that records name, if they are what their names say. Raises `SourceError`."""
    root = source.whole if isinstance(source, Part) else source
    for name in sorted(names):
        path = f"blobs/{name}"
        if any(_is(folder / path, name) for folder in (into, copy)):
            continue
        content = root.read(path)
        if content is not None and sha256(content).hexdigest() == name:
            write(into / path, content)


def _is(path: Path, name: str) -> bool:
    return path.is_file() and sha256(path.read_bytes()).hexdigest() == name


def take_kept(taken: Taken, keys: Sequence[Vkey]) -> Iterator[tuple[Finding, bytes]]:
    """Fetch the checkpoints that the log kept; yield those that are not of this log.

    One that is here and is wrong is fetched again.  Raises `SourceError`.
    """
    for size in taken.listed:
        if taken.kept(size) is not None:
            continue
        where = kept_path(size)
        content = taken.epoch.source.read(where)
        if content is None:
            continue
        found = _problem(taken, content, size, keys)
        if found is None:
            write(taken.new / where, content)
        else:
            code, detail = found
            yield Finding(code, "FAIL", taken.epoch.place + where, detail), content


def _problem(
    taken: Taken, content: bytes, size: int, keys: Sequence[Vkey]
) -> tuple[str, str] | None:
    try:
        said = checkpoint.parse(note.open(content, keys).text)
    except (note.NoteError, CheckpointError) as error:
        return "kept_checkpoint_altered", str(error)
    if (said.origin, said.size) != (taken.epoch.origin, size):
        return "kept_checkpoint_altered", f"it is of size {said.size} of {said.origin}"
    if said.root != taken.roots.get(size):
        return "history_forked", f"the log signed another root for its first {size} records"
    return None


def copy_kept(taken: Taken) -> None:
    """Fetch the checkpoints that the log kept as they are, for somebody who will judge them."""
    for size in taken.listed:
        content = taken.epoch.source.read(kept_path(size))
        if content is not None:
            write(taken.new / kept_path(size), content)


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}{PART}")
    temporary.write_bytes(content)
    temporary.replace(path)


def listed_sizes(source: Source, most: int) -> list[int]:
    """Return the sizes, up to `most`, of the checkpoints that a log keeps. Raises `SourceError`."""
    if folder_of(source) is not None:
        return kept_sizes(source)
    words = (source.read(LISTING) or b"").split()
    sizes = (int(word) for word in words if word.isdigit() and len(word) <= 19)
    return sorted({size for size in sizes if size <= most})


class _Walk:
    """Goes through the bundles of an epoch, and makes its tiles."""

    def __init__(
        self,
        source: Source,
        place: str,
        signed: bytes,
        said: Checkpoint,
        folders: Sequence[Path],
        seen: Mapping[int, bytes],
        listed: list[int],
    ) -> None:
        self._source, self._said, self._folders, self._seen = source, said, folders, seen
        self._frontier = merkle.Frontier()
        self._hashes: list[list[bytes]] = [[] for _ in range(max(1, tiles.tile_levels(said.size)))]
        self._taken = Taken(Epoch(place, source, signed, said, None), folders, listed)
        here = (size for folder in folders for size in kept_sizes(Folder(folder)))
        stops = {size for size in (*seen, *listed, *here) if 0 < size <= said.size}
        self._stops = sorted(stops, reverse=True)

    def run(self, advance: Advance) -> Taken:
        """Return what was found. Raises `Refused`, `SourceError`."""
        for tile in tiles.tiles_at(-1, self._said.size):
            entries = self._entries(tile)
            self._read(tile.index * WIDTH, entries)
            leaves = [merkle.leaf_hash(entry) for entry in entries]
            self._grow(tile, leaves)
            self._taken.paths.append(tile.path)
            for path, content in self._tiles(tile, leaves):
                write(self._folders[0] / path, content)
                self._taken.paths.append(path)
            advance(tile.width)
        if self._frontier.root() != self._said.root:
            detail = "the entries that are served have another root than the checkpoint"
            raise Refused("root_mismatch", f"{self._taken.epoch.place}checkpoint", detail)
        return self._taken

    def _entries(self, tile: Tile) -> list[bytes]:
        for folder in self._folders:
            with suppress(OSError, bundle.BundleError):
                return bundle.unpack((folder / tile.path).read_bytes(), tile.width)
        content, where = read_tile(self._source, tile), self._taken.epoch.place + tile.path
        if content is None:
            raise Refused("bundle_missing", where, "the server does not have it")
        try:
            entries = bundle.unpack(content, tile.width)
        except bundle.BundleError as error:
            raise Refused("bundle_damaged", where, str(error)) from error
        if spare(self._folders[0]) < len(content):
            text = (
                f"it is full but for what should stay free, after {tile.index * WIDTH} of "
                f"{self._said.size} records; make room and call it again: it goes on there"
            )
            raise SourceError(f"{self._folders[0].parent}: {text}")
        write(self._folders[0] / tile.path, content)
        return entries

    def _read(self, first: int, entries: list[bytes]) -> None:
        """Note what entries say of the log itself, and the texts that they name."""
        taken = self._taken
        for number, payload in enumerate(entries, start=first):
            taken.blobs |= {found.decode() for found in _BLOB.findall(payload)}
            if _OF_LOG not in payload:
                continue
            with suppress(types.SchemaError):
                envelope, data = types.read(payload)
                if (envelope.seq, envelope.source) == (number, self._said.origin):
                    taken.told.take(envelope, data)
                    if number == 0 and isinstance(data, types.GenesisData):
                        taken.epoch.genesis = data

    def _grow(self, tile: Tile, leaves: list[bytes]) -> None:
        done, place = 0, self._taken.epoch.place
        while self._stops and self._stops[-1] <= tile.index * WIDTH + len(leaves):
            size = self._stops.pop()
            upto = size - tile.index * WIDTH
            self._frontier.extend(leaves[done:upto])
            done, root = upto, self._frontier.root()
            self._taken.roots[size] = root
            if self._seen.get(size, root) != root:
                raise Refused(
                    "fork", place + tile.path, f"another root was seen before at size {size}"
                )
        self._frontier.extend(leaves[done:])

    def _tiles(self, tile: Tile, leaves: list[bytes]) -> Iterator[tuple[str, bytes]]:
        """Yield the tiles that these leaves complete, or end with; `_hashes` has what is open."""
        hashes, size = self._hashes, self._said.size
        hashes[0] = leaves
        last = (tile.index + 1) * WIDTH >= size
        for level in range(len(hashes)):
            index = tile.index if level == 0 else (tile.index >> 8 * level)
            full = len(hashes[level]) == WIDTH
            if hashes[level] and (full or last):
                yield tiles.tile_path(level, index, len(hashes[level])), b"".join(hashes[level])
            if not full:
                if not last:
                    return
                continue
            if level + 1 < len(hashes):
                hashes[level + 1].append(tiles.subtree_of(hashes[level]))
            hashes[level] = []
