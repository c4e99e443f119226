"""Reading a published log as an outsider does: from its checkpoint down, trusting nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from exporters.audit.format import bundle, checkpoint, merkle, note, tiles
from exporters.audit.format.checkpoint import Checkpoint


def newest(folder: Path, vkey: str | None = None) -> Checkpoint:
    """Return what the checkpoint of `folder` says, its signature checked by `vkey` or log.json."""
    keys = [vkey] if vkey else json.loads((folder / "log.json").read_bytes())["vkeys"]
    content = (folder / "checkpoint").read_bytes()
    opened = note.open(content, [note.parse_vkey(key) for key in keys])
    return checkpoint.parse(opened.text)


def entries(folder: Path, size: int) -> list[bytes]:
    """Return the first `size` entries."""
    found: list[bytes] = []
    for tile in tiles.tiles_at(-1, size):
        found += bundle.unpack((folder / tile.path).read_bytes(), tile.width)
    return found


def require_whole(folder: Path, vkey: str | None = None) -> list[dict[str, Any]]:
    """Check signature, root, every tile and every kept checkpoint; return the records."""
    said = newest(folder, vkey)
    found = entries(folder, said.size)
    leaves = [merkle.leaf_hash(entry) for entry in found]
    assert merkle.root(leaves) == said.root
    level = leaves
    for number in range(tiles.tile_levels(said.size)):
        for tile in tiles.tiles_at(number, said.size):
            expected = level[tile.index * 256 : tile.index * 256 + tile.width]
            assert tiles.unpack((folder / tile.path).read_bytes(), tile.width) == expected
        groups = [level[i : i + 256] for i in range(0, len(level) - 255, 256)]
        level = [tiles.subtree_of(group) for group in groups]
    for path in (folder / "checkpoints").iterdir():
        if path.name.startswith("."):
            continue  # what a killed writer had not finished
        kept = checkpoint.parse(note.split(path.read_bytes())[0])
        assert path.name == f"{kept.size:020d}"
        assert kept.origin == said.origin
        assert kept.size <= said.size
        assert merkle.root(leaves[: kept.size]) == kept.root
    records: list[dict[str, Any]] = [json.loads(entry) for entry in found]
    assert [record["seq"] for record in records] == list(range(said.size))
    assert {record["source"] for record in records} == {said.origin}
    return records


def folders(log: Path) -> list[Path]:
    """Return the folders of all epochs, oldest first."""
    older = sorted((log / "epochs").iterdir()) if (log / "epochs").exists() else []
    return [*older, log]


def names(records: list[dict[str, Any]]) -> list[str]:
    """Return the records' names."""
    return [r["type"].removeprefix("io.pantau.audit.").removesuffix(".v1") for r in records]


def verify_against_itself(log: Path) -> list[str]:
    """Return the arguments that verify a log as somebody does who kept its newest checkpoint."""
    return ["audit", "verify", str(log), "--against", str(log / "checkpoint")]
