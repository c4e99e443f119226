"""What a published log says, for whoever judges it again; hashes are `audit verify`'s to check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exporters.audit import types
from exporters.audit.blobs import FOLDER
from exporters.audit.format import bundle, tiles
from exporters.audit.place import EPOCHS
from exporters.audit.tree_files import CHECKPOINT, TreeDamaged, said


class LogUnreadable(Exception):
    """The log cannot be read: where, and why."""


def logged(directory: Path) -> Iterator[tuple[types.Envelope, Any]]:
    """Yield every record under a checkpoint, all epochs, oldest first: its envelope and data.

    Records of types that this version does not know are passed over.  Raises `LogUnreadable`.
    """
    older = directory / EPOCHS
    roots = sorted(older.iterdir()) if older.is_dir() else []
    if not (directory / CHECKPOINT).is_file():
        raise LogUnreadable(f"{directory}: holds no `checkpoint`, so it is no published audit log")
    for root in (*roots, directory):
        if (root / CHECKPOINT).is_file():
            yield from _epoch(root)


def blob_text(directory: Path, digest: str) -> bytes | None:
    """Return the text that `sha256:<hex>` names, None if it is not kept."""
    name = digest.removeprefix("sha256:")
    if not (len(name) == 64 and name.isalnum()):
        return None
    try:
        return (directory / FOLDER / name).read_bytes()
    except OSError:
        return None


def _epoch(root: Path) -> Iterator[tuple[types.Envelope, Any]]:
    try:
        size = said((root / CHECKPOINT).read_bytes()).size
        for tile in tiles.tiles_at(-1, size):
            for payload in bundle.unpack(_bundle(root, tile), tile.width):
                try:
                    yield types.read(payload)
                except types.SchemaError:
                    continue
    except (OSError, TreeDamaged, bundle.BundleError) as error:
        raise LogUnreadable(f"{root}: {error}") from error


def _bundle(root: Path, tile: tiles.Tile) -> bytes:
    """Return a bundle's bytes; a partial one may have been replaced by the full one meanwhile."""
    try:
        return (root / tile.path).read_bytes()
    except FileNotFoundError:
        full = (root / tiles.entries_path(tile.index)).read_bytes()
        return bundle.pack(bundle.unpack(full)[: tile.width])
