"""Copies a served log, and takes over nothing that the tree of its checkpoint does not cover.

What is there already is not fetched again, but hashed again; what is new waits in `<copy>.partial`
until all of it agrees with the checkpoint.  The checkpoint of the copy before is kept beside it
first (`evidence.memory_of`): a server that goes back behind it, or tells another story, is found
out.  Then the copy stays as it was, and the server's checkpoint is kept in `<copy>.evidence`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from exporters.audit.findings import Finding
from exporters.audit.format import bundle, checkpoint, merkle, note, tiles
from exporters.audit.format.checkpoint import Checkpoint, CheckpointError
from exporters.audit.format.tiles import WIDTH, Tile
from exporters.audit.read.epochs import EPOCHS, older, previous
from exporters.audit.read.evidence import Remembered, memory_of, recall
from exporters.audit.read.files import kept_path, read_tile
from exporters.audit.read.source import Folder, Part, Source, SourceError

Advance = Callable[[int], None]
LISTING = "checkpoints/"
"""Where our server lists the sizes of the checkpoints that it keeps, one in a line."""

_BLOB = re.compile(rb'"(?:blob|note)":"sha256:([0-9a-f]{64})"')
PART = ".part"
_TOP = ("tile", "checkpoints", "checkpoint")


@dataclass(slots=True)
class Pulled:
    """What came of it: the newest checkpoint, and what is wrong with the server's log."""

    checkpoint: Checkpoint | None = None
    problems: list[Finding] = field(default_factory=list)


class _Refused(Exception):
    """The server's log is not taken over."""

    def __init__(self, code: str, where: str, detail: str) -> None:
        super().__init__(detail)
        self.finding = Finding(code, "FAIL", where, detail)


def pull(source: Source, copy: Path, *, advance: Advance = lambda count: None) -> Pulled:
    """Copy the log of `source` into the directory `copy`, or bring a copy up to date.

    `advance` is called with the number of entries done since.  Raises `SourceError` when the log
    cannot be read, OSError when the copy cannot be written; then the next call goes on.
    """
    served = source.read("checkpoint")
    if served is None:
        raise SourceError(f"{source.name} has no `checkpoint`: there is no log, or not yet")
    memory = _remember(copy)
    pulled = Pulled()
    try:
        pulled.checkpoint = _parse(served, f"{source.name}/checkpoint")
        _compare(pulled.checkpoint, memory)
        _make_room(copy, pulled.checkpoint)
        _take(source, copy, served, pulled.checkpoint, memory, advance)
        _take_older(source, copy, memory, advance)
    except _Refused as refused:
        pulled.problems.append(refused.finding)
        digest = hashlib.sha256(served).hexdigest()[:16]
        _write(copy.with_name(f"{copy.name}.evidence") / f"checkpoint-{digest}", served)
        return pulled
    _take_hint(source, copy)
    return pulled


def _remember(copy: Path) -> list[Remembered]:
    """Keep the checkpoints of the copy beside it; return all that were kept."""
    local = Folder(copy)
    parts: list[Source] = [local]
    parts += [Part(local, f"{EPOCHS}/{name}/") for name in older(local)]
    for part in parts:
        content = part.read("checkpoint")
        if content is not None:
            said = _parse(content, f"{part.name}/checkpoint")
            name = hashlib.sha256(said.origin.encode()).hexdigest()[:16]
            _write(memory_of(copy) / name / f"{said.size:020d}", content)
    return list(recall(memory_of(copy)))


def _compare(served: Checkpoint, memory: list[Remembered]) -> None:
    """Refuse a log that is behind what was seen of it, before anything is fetched."""
    prefix = served.origin.rpartition("/")[0]
    for seen in memory:
        origin = seen.origin or ""
        if origin == served.origin:
            if seen.size > served.size:
                detail = f"{seen.size} records were seen before; now there are {served.size}"
                raise _Refused("rollback", "checkpoint", detail)
            if seen.size == served.size and seen.root != served.root:
                detail = f"another root was seen before at size {seen.size}"
                raise _Refused("fork", "checkpoint", detail)
        elif origin.rpartition("/")[0] != prefix:
            raise _Refused("wrong_log", "checkpoint", f"this is a copy of {origin}")
        elif origin > served.origin:
            detail = f"epoch {origin} was seen before; now the newest is {served.origin}"
            raise _Refused("rollback", "checkpoint", detail)


def _make_room(copy: Path, served: Checkpoint) -> None:
    """Move the copy's newest epoch to where older ones are, if the log has begun another."""
    content = Folder(copy).read("checkpoint")
    if content is None:
        return
    origin = _parse(content, str(copy / "checkpoint")).origin
    if origin == served.origin:
        return
    target = copy / EPOCHS / origin.rpartition("/")[2]
    target.mkdir(parents=True, exist_ok=True)
    for name in _TOP:
        if (copy / name).exists():
            (copy / name).rename(target / name)


def _take_older(source: Source, copy: Path, memory: list[Remembered], advance: Advance) -> None:
    """Copy the epochs before the newest, each found in the first record of the one after it."""
    name = previous(Folder(copy))
    seen: set[str] = set()
    while name is not None and name not in seen:
        seen.add(name)
        place = f"{EPOCHS}/{name}/"
        part = Part(source, place)
        content = part.read("checkpoint")
        if content is None:
            return
        said = _parse(content, f"{part.name}/checkpoint")
        _compare_same(said, memory)
        _take(part, copy / EPOCHS / name, content, said, memory, advance, blobs=copy)
        name = previous(Part(Folder(copy), place))


def _compare_same(served: Checkpoint, memory: list[Remembered]) -> None:
    _compare(served, [seen for seen in memory if seen.origin == served.origin])


def _take(
    source: Source,
    copy: Path,
    served: bytes,
    said: Checkpoint,
    memory: list[Remembered],
    advance: Advance,
    blobs: Path | None = None,
) -> None:
    """Copy one epoch: entries and tiles first, the checkpoint when they agree with it."""
    expected = {seen.size: seen.root for seen in memory if seen.origin == said.origin}
    new = copy.with_name(f"{copy.name}.partial")
    try:
        try:
            names = _take_tree(source, [new, copy], said, expected, advance)
        except _Refused:
            # What is wrong may be what was copied before.
            shutil.rmtree(new, ignore_errors=True)
            names = _take_tree(source, [new], said, expected, lambda count: None)
    except _Refused:
        shutil.rmtree(new, ignore_errors=True)
        raise
    _move(new, copy)
    for name in sorted(names):
        _take_blob(_root(source), blobs or copy, name)
    _take_kept(source, copy, said)
    _write(copy / kept_path(said.size), served)
    _write(copy / "checkpoint", served)


def _move(new: Path, copy: Path) -> None:
    """Take over what was checked."""
    for path in sorted(new.rglob("*")):
        if path.is_file() and not path.name.endswith(PART):
            target = copy / path.relative_to(new)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    shutil.rmtree(new, ignore_errors=True)


def _root(source: Source) -> Source:
    return source.whole if isinstance(source, Part) else source


def _take_tree(
    source: Source,
    places: list[Path],
    said: Checkpoint,
    expected: dict[int, bytes],
    advance: Advance,
) -> set[str]:
    """Put what is not in any of `places` into the first; return the blobs that entries name.

    Raises `_Refused` if the entries are not what was signed, or not what was seen before.
    """
    frontier = merkle.Frontier()
    hashes: list[list[bytes]] = [[] for _ in range(max(1, tiles.tile_levels(said.size)))]
    names: set[str] = set()
    for tile in tiles.tiles_at(-1, said.size):
        entries = _entries(source, places, tile)
        names |= {found.decode() for e in entries for found in _BLOB.findall(e)}
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        for size in sorted(s for s in expected if 0 < s - frontier.size <= len(leaves)):
            edge = merkle.Frontier(frontier.size, frontier.nodes)
            edge.extend(leaves[: size - frontier.size])
            if edge.root() != expected[size]:
                raise _Refused("fork", tile.path, f"another root was seen before at size {size}")
        frontier.extend(leaves)
        for path, content in _tiles_of(hashes, leaves, tile, said.size):
            _write(places[0] / path, content)
        advance(tile.width)
    if frontier.root() != said.root:
        detail = "the entries that are served have another root than the checkpoint"
        raise _Refused("root_mismatch", "checkpoint", detail)
    return names


def _entries(source: Source, places: list[Path], tile: Tile) -> list[bytes]:
    for place in places:
        with suppress(OSError, bundle.BundleError):
            return bundle.unpack((place / tile.path).read_bytes(), tile.width)
    content = read_tile(source, tile)
    if content is None:
        raise _Refused("bundle_missing", tile.path, "the server does not have it")
    try:
        entries = bundle.unpack(content, tile.width)
    except bundle.BundleError as error:
        raise _Refused("bundle_damaged", tile.path, str(error)) from error
    _write(places[0] / tile.path, content)
    return entries


def _tiles_of(
    hashes: list[list[bytes]], leaves: list[bytes], tile: Tile, size: int
) -> Iterator[tuple[str, bytes]]:
    """Yield the tiles that these leaves complete, or end with; `hashes` holds what is pending."""
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


def _take_blob(source: Source, copy: Path, name: str) -> None:
    path = copy / "blobs" / name
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == name:
        return
    content = source.read(f"blobs/{name}")
    if content is not None and hashlib.sha256(content).hexdigest() == name:
        _write(path, content)


def _take_kept(source: Source, copy: Path, said: Checkpoint) -> None:
    """Copy the checkpoints that the log kept, where the server lists them."""
    listed = (source.read(LISTING) or b"").split()
    for word in listed:
        if not word.isdigit() or len(word) > 19 or int(word) > said.size:
            continue
        path = kept_path(int(word))
        if not (copy / path).exists():
            content = source.read(path)
            if content is not None:
                _write(copy / path, content)


def _take_hint(source: Source, copy: Path) -> None:
    try:
        hint = json.loads(source.read("log.json") or b"{}")
    except (ValueError, RecursionError):
        return
    if isinstance(hint, dict) and hint:
        # Where its private files are is true on the log's own machine only.
        hint.pop("state", None)
        _write(copy / "log.json", json.dumps(hint, indent=2).encode() + b"\n")


def _parse(content: bytes, where: str) -> Checkpoint:
    try:
        return checkpoint.parse(note.split(content)[0])
    except (note.NoteError, CheckpointError) as error:
        raise _Refused("checkpoint_malformed", where, str(error)) from error


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}{PART}")
    temporary.write_bytes(content)
    temporary.replace(path)
