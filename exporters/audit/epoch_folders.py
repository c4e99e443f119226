"""Where the trees of the epochs lie in the published directory: the newest at the top."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from exporters.audit import disk
from exporters.audit.place import EPOCHS, HINT, Place
from exporters.audit.tree_files import CHECKPOINT, CHECKPOINTS, TILES, TreeDamaged, TreeFiles, said


def folder(at: Place, epoch: str) -> Path:
    """Return where an epoch goes once another one has taken its place at the top."""
    return at.public / EPOCHS / epoch


def is_retired(at: Place, epoch: str) -> bool:
    """Tell whether an epoch has left the top, or has begun to."""
    return folder(at, epoch).is_dir()


def retired(at: Place) -> list[str]:
    """Return the epochs that were put away, oldest first."""
    return [name for name in _kept(at) if not name.startswith(".")]


def hide(at: Place, epoch: str) -> None:
    """Take the tree of an epoch out of sight at once, to be deleted.  Raises OSError."""
    shown = folder(at, epoch)
    with suppress(FileNotFoundError):
        shown.rename(shown.with_name(f".{epoch}"))
        disk.sync_directory(shown.parent)


def delete_hidden(at: Place) -> None:
    """Delete what was taken out of sight.  Raises OSError."""
    for name in _kept(at):
        if name.startswith("."):
            shutil.rmtree(at.public / EPOCHS / name)
            disk.sync_directory(at.public / EPOCHS)


def _kept(at: Place) -> list[str]:
    parent = at.public / EPOCHS
    return sorted(f.name for f in parent.iterdir() if f.is_dir()) if parent.is_dir() else []


def files_of(at: Place, epoch: str) -> TreeFiles:
    """Return the files of an epoch's tree, wherever they are."""
    return TreeFiles(folder(at, epoch) if is_retired(at, epoch) else at.public)


def at_top(at: Place) -> str | None:
    """Return the epoch whose checkpoint lies at the top, None if there is none to be read."""
    try:
        content = TreeFiles(at.public).checkpoint()
        return None if content is None else said(content).origin.rpartition("/")[2]
    except TreeDamaged:
        return None


def retire(at: Place, epoch: str) -> None:
    """Move what is at the top to the epoch's own folder, or finish doing so.  Raises OSError.

    The checkpoint goes last: as long as it is at the top, what lies there is known to be of this
    epoch.
    """
    target = folder(at, epoch)
    if not any((at.public / name).exists() for name in (TILES, CHECKPOINTS, CHECKPOINT)):
        return
    disk.make_directory(target)
    for name in (TILES, CHECKPOINTS, HINT, CHECKPOINT):
        if (at.public / name).exists():
            (at.public / name).rename(target / name)
            disk.sync_directory(target)
            disk.sync_directory(at.public)
